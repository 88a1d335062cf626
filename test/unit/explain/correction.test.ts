import { describe, expect, test } from 'vitest'
import { expected, learned, type Pair } from '../../../src/explain/correction.ts'
import type { Trial } from '../../../src/explain/evaluator.ts'

const trial = (absRel: number, rmse = absRel): Trial => [
  { scene: 'room', used: { 'depth absRel': absRel, 'depth rmse': rmse } },
]
const fp32: Pair = { guide: trial(0), target: trial(0.3) }
const infinite = Number.POSITIVE_INFINITY

const from = (guide: Trial, target: Trial, sums: number) => ({ guide, target, sums })

describe('what was learned foretells what it was learned from', () => {
  test.each([
    ['sums', trial(1.2), trial(2.5), 0.4],
    ['rounding alone', trial(1.2), trial(2.5), 0],
    ['a guide that is too dark', trial(3), trial(2.5), 0.4],
  ])('%s', (_, guide, target, sums) => {
    const correction = learned([from(guide, target, sums)], fp32)
    const { used } = expected(guide, fp32, correction, sums)
    expect(used).toBeGreaterThanOrEqual(2.5 - 1e-9)
    expect(used).toBeLessThan(2.52)
  })
})

test('one network leaves it open what the target loses more: it is laid to sums, and leaves with them', () => {
  const correction = learned([from(trial(1), trial(5), 2)], fp32)
  // and what the guide may be off by
  expect(expected(trial(1), fp32, correction, 0).used).toBeCloseTo(Math.hypot(Math.sqrt(1.3), 0.3), 2)
  expect(expected(trial(1), fp32, correction, 1).used).toBeGreaterThan(3)
})

test('a target that is worse by no more than the guide may be off has no sums', () => {
  const { rounding, sums } = learned([from(trial(2), trial(2.2), 5)], { guide: trial(0), target: trial(0) })[
    'depth absRel'
  ]!
  expect(rounding).toBeCloseTo(1.21, 3)
  expect(sums).toBeCloseTo(0, 6)
})

test('a second tells: without sums it is as bad, so it was rounding', () => {
  const correction = learned([from(trial(1), trial(5), 2), from(trial(0.5), trial(2.5), 0.01)], fp32)
  expect(correction['depth absRel']!.rounding).toBeGreaterThan(20)
  expect(expected(trial(0.5), fp32, correction, 0.01).used).toBeGreaterThanOrEqual(2.5 - 1e-9)
  expect(expected(trial(0.5), fp32, correction, 0.01).used).toBeLessThan(2.7)
})

test('each limit has a factor of its own; scenes share it, by the worst', () => {
  const two = (a: number, b: number): Trial => [
    { scene: 'a', used: { x: a } },
    { scene: 'b', used: { x: b } },
  ]
  const ends: Pair = { guide: two(0, 0), target: two(0, 0) }
  expect(learned([from(two(1, 2), two(4, 3), 0)], ends).x!.rounding).toBeCloseTo(4, 1)
  const both = learned([from(trial(1, 2), trial(2, 2), 0)], fp32)
  expect(both['depth absRel']!.rounding).toBeCloseTo(4 - 0.09, 1)
  expect(both['depth rmse']!.rounding).toBeCloseTo((4 - 0.09) / 4, 1)
})

test('what is not finite teaches no figure: a guide that breaks nothing, a target that breaks to expect worse', () => {
  expect(learned([from(trial(infinite), trial(1), 1)], fp32)).toEqual(learned([], fp32))
  const known = from(trial(1), trial(2), 1)
  const worse = learned([known, from(trial(0.1), trial(infinite), 1)], fp32)
  const { rounding, sums } = learned([known], fp32)['depth absRel']!
  expect(worse['depth absRel']).toEqual({ rounding: 16 * rounding, sums: 16 * sums })
  expect(expected(trial(infinite), fp32, worse, 0).used).toBe(infinite)
})

test('FP32 is expected to be what it is on the target, whatever was learned', () => {
  const correction = { 'depth absRel': { rounding: 50, sums: 50 }, 'depth rmse': { rounding: 50, sums: 50 } }
  expect(expected(trial(0), fp32, correction, 0).used).toBe(0.3)
})
