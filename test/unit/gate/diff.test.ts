import { describe, expect, test } from 'vitest'
import { diffRuns, isEmpty } from '../../../src/gate/diff.ts'
import { fingerprint, type Held, judgedOf, runOf, verdictOf } from '../../helpers/runs.ts'

/** A plan that was built elsewhere repeats itself. */
const prebuilt = { ...fingerprint, options: { prebuilt: true } }
const run = (held: Held, extra = {}) =>
  runOf([judgedOf(held, { verdict: verdictOf(held, { fingerprint: prebuilt, ...extra }) })])

describe('what changed between two runs', () => {
  test('nothing, where figures moved within noise', () => {
    expect(isEmpty(diffRuns(run({ absRel: [0.004, 0.01] }), run({ absRel: [0.0041, 0.01] })))).toBe(true)
    expect(isEmpty(diffRuns(run({ absRel: [Number.NaN, 1] }), run({ absRel: [Number.NaN, 1] })))).toBe(true)
  })

  test('nor where TensorRT chose other kernels', () => {
    const [before, after]: Held[] = [{ absRel: [0.004, 0.01] }, { absRel: [0.0055, 0.01] }]
    const moved = (extra: object) => diffRuns(run(before!, extra), run(after!, extra)).metrics
    expect(moved({ fingerprint })).toEqual([])
    expect(moved({})).toHaveLength(1)
  })

  test('metrics beyond it, by how many margins and which way', () => {
    const { metrics } = diffRuns(
      run({ absRel: [0.004, 0.01], delta1: [0.995, 0.99], rmse: [1, 10] }),
      run({ absRel: [0.008, 0.01], delta1: [0.999, 0.99], rmse: [Number.NaN, 10] }),
    )
    expect(metrics.map(({ metric, moved }) => [metric, moved])).toEqual([
      ['rmse', Number.POSITIVE_INFINITY],
      ['absRel', expect.closeTo(20)],
      ['delta1', expect.closeTo(-16)],
    ])
  })

  test('verdicts, with the reason of the side that does not pass', () => {
    const [good, bad] = [run({ absRel: [0.001, 0.01] }), run({ absRel: [0.02, 0.01] }, { reason: 'too far' })]
    expect(diffRuns(good, bad).outcomes).toMatchObject([
      { before: 'passed', after: 'failed', reason: 'too far' },
    ])
    expect(diffRuns(bad, good).outcomes).toMatchObject([
      { before: 'failed', after: 'passed', reason: 'too far' },
    ])
  })

  test('fingerprints and limits, once for a variant', () => {
    const held: Held = { absRel: [0.001, 0.01] }
    const two = (extra: object, limit: number) =>
      runOf(
        ['a', 'b'].map(scene =>
          judgedOf(held, { scene, verdict: verdictOf({ absRel: [0.001, limit] }, { scene, ...extra }) }),
        ),
      )
    const found = diffRuns(
      two({}, 0.01),
      two({ fingerprint: { ...fingerprint, engineVersion: '10.7', driver: '580' } }, 0.02),
    )
    expect(found.fingerprints.map(({ field, before, after }) => [field, before, after])).toEqual([
      ['engineVersion', '10.6', '10.7'],
      ['driver', 'nothing', '580'],
    ])
    expect(found.limits).toMatchObject([{ metric: 'absRel', before: '0.01', after: '0.02' }])
  })

  test('cases that are new or gone, and tiers of task quality', () => {
    const quality = (tier: 0.999 | 0.99 | 0) =>
      [{ model: 'net', precision: 'fp16', engine: 'gpu', output: 'depth', tier }] as never
    const a = runOf([judgedOf({}, { scene: 'a' })], { quality: quality(0.999) })
    const b = runOf([judgedOf({}, { scene: 'b' })], { quality: quality(0.99) })
    expect(diffRuns(a, b)).toMatchObject({
      added: [{ scene: 'b' }],
      removed: [{ scene: 'a' }],
      quality: [{ before: 0.999, after: 0.99 }],
    })
  })
})
