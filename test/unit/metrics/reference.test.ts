import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type MetricName, measure } from '../../../src/metrics/index.ts'
import { type ReferenceCase, referencePair } from './maps.ts'

const file = new URL('../../reference/metrics.json', import.meta.url)
const cases: ReferenceCase[] = JSON.parse(readFileSync(file, 'utf8'))

/** Each numpy figure that `found` misses by more than 1e-12 of it. */
function disagreements(found: Record<string, unknown>, numpy: ReferenceCase['metrics']): string[] {
  return Object.entries(numpy).flatMap(([name, text]) => {
    const [ours, theirs] = [Number(found[name]), Number(text)]
    const same = Object.is(ours, theirs) || Math.abs(ours - theirs) <= 1e-12 * Math.abs(theirs)
    return same ? [] : [`${name}: ${ours}, numpy ${theirs}`]
  })
}

test.each(cases)('$width×$height, seed $seed, is as numpy has it', reference => {
  const measured = measure(referencePair(reference))
  // the reference's figures come from sums that cancel, so that a single pixel's siLog is only nearly 0 there
  const numpy = { ...reference.metrics }
  if (measured.compared === 1) {
    expect(measured.metrics.siLog).toBe(0)
    delete numpy.siLog
  }
  expect(disagreements(measured.metrics, numpy)).toEqual([])
  expect(disagreements({ ...measured }, reference.counts)).toEqual([])
})

test('numpy has a figure for each metric', () => {
  const { metrics } = measure({ golden: Float32Array.of(1), actual: Float32Array.of(1), width: 1, height: 1 })
  for (const { metrics: numpy } of cases)
    expect(Object.keys(numpy).sort()).toEqual((Object.keys(metrics) as MetricName[]).sort())
})

test('the cases reach what they are for', () => {
  const all = cases.map(reference => ({ ...reference.metrics, ...reference.counts }))
  expect(all.some(({ strays }) => Number(strays) > 0)).toBe(true)
  expect(all.some(({ scale }) => Number(scale) < 0)).toBe(true)
  expect(all.some(({ siLog }) => siLog === 'Infinity')).toBe(true)
  expect(all.some(({ edgeF1Drop }) => Number(edgeF1Drop) > 0.01)).toBe(true)
  expect(all.some(({ edgeF1 }) => Number(edgeF1) > 0.5 && Number(edgeF1) < 0.99)).toBe(true)
  for (const count of ['masked', 'outside', 'goldenNonFinite', 'actualNonFinite'])
    expect(
      all.some(figures => Number(figures[count]) > 0),
      count,
    ).toBe(true)
})
