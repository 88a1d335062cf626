import { describe, expect, test } from 'vitest'
import { summariseQuality } from '../../../src/gate/quality.ts'
import type { Quality } from '../../../src/gate/run-record.ts'
import { depthOfRelativeInverse, medianScaled } from '../../../src/metrics/align.ts'
import { judgedOf } from '../../helpers/runs.ts'

const scene = (golden: [number, number], engine: [number, number]) => {
  const figures = ([delta1, absRel]: [number, number]) => ({ delta1, absRel })
  const quality: Quality = { output: 'depth', truth: 't', golden: figures(golden), engine: figures(engine) }
  return judgedOf({}, { quality: [quality] })
}

describe('task quality over the scenes of a variant', () => {
  test.each<[string, [number, number], [number, number], number]>([
    ['nothing lost', [0.9, 0.1], [0.9, 0.1], 0.999],
    ['better than PyTorch', [0.9, 0.1], [0.91, 0.09], 0.999],
    ['half a per cent of delta1', [0.9, 0.1], [0.8955, 0.1], 0.99],
    ['half a per cent more error', [0.9, 0.1], [0.9, 0.1005], 0.99],
    ['two per cent more error', [0.9, 0.1], [0.9, 0.102], 0],
    ['no error at all on either side', [1, 0], [1, 0], 0.999],
    ['an error where PyTorch has none', [1, 0], [1, 0.01], 0],
    ['not a number', [0.9, 0.1], [Number.NaN, Number.NaN], 0],
  ])('%s', (_name, golden, engine, tier) => {
    expect(summariseQuality([scene(golden, engine)], () => undefined)[0]?.tier).toBe(tier)
  })

  test('means are over the scenes, so that one scene does not decide', () => {
    const [summary] = summariseQuality(
      [scene([0.8, 0.1], [0.79, 0.1]), scene([1, 0.1], [1, 0.1])],
      () => 0.99,
    )
    expect(summary).toMatchObject({ scenes: 2, kept: { delta1: expect.closeTo(0.9944, 4) }, pass: true })
  })

  test('is judged only where the config asks for a share, and NaN never keeps it', () => {
    const lost = scene([0.9, 0.1], [0.5, 0.3])
    expect(summariseQuality([lost], () => undefined)[0]?.pass).toBe(true)
    expect(summariseQuality([lost], () => 0.99)[0]?.pass).toBe(false)
    const nan = scene([0.9, 0.1], [Number.NaN, 0.1])
    expect(summariseQuality([nan], () => 0.01)[0]?.pass).toBe(false)
  })
})

describe('relative maps are aligned as their evaluations do', () => {
  const truth = Float64Array.of(1, 2, 4, Number.NaN, 5)
  test('by the median ratio', () => {
    expect([...medianScaled(Float32Array.of(2, 4, 8, 7, 100), truth)]).toEqual([1, 2, 4, 3.5, 50])
  })
  test('by scale and shift in inverse depth', () => {
    const map = Float64Array.from(truth, depth => (Number.isNaN(depth) ? 0.3 : (1 / depth - 0.1) / 3))
    const depth = depthOfRelativeInverse(map, truth)
    for (const i of [0, 1, 2, 4]) expect(depth[i]).toBeCloseTo(truth[i]!, 9)
  })
  test('no further than the farthest truth', () => {
    expect(depthOfRelativeInverse(Float64Array.of(1, 0.5, 0.25, -9, 0.2), truth)[3]).toBe(5)
  })
})
