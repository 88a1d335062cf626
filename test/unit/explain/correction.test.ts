import { describe, expect, test } from 'vitest'
import { expected, learned, type Pair } from '../../../src/explain/correction.ts'
import type { Trial } from '../../../src/explain/evaluator.ts'

const trial = (absRel: number, rmse = absRel): Trial => [
  { scene: 'room', used: { 'depth absRel': absRel, 'depth rmse': rmse } },
]
const fp32: Pair = { guide: trial(0), target: trial(0.3) }
const infinite = Number.POSITIVE_INFINITY

describe('what was learned foretells what it was learned from', () => {
  test.each([
    ['sums', trial(1.2), trial(2.5), 0.4],
    ['rounding alone', trial(1.2), trial(2.5), 0],
    ['a guide that is too dark', trial(3), trial(2.5), 0.4],
  ])('%s', (_, guide, target, sums) => {
    const correction = learned({}, { guide, target }, fp32, sums)
    expect(expected(guide, fp32, correction, sums).used).toBeCloseTo(2.5)
  })
})

test('what the target loses more is laid to sums while there are any, and leaves with them', () => {
  const correction = learned({}, { guide: trial(1), target: trial(5) }, fp32, 2)
  expect(expected(trial(1), fp32, correction, 0).used).toBeCloseTo(Math.hypot(1, 0.3))
  expect(expected(trial(1), fp32, correction, 1).used).toBeGreaterThan(3)
})

test('each limit has a factor of its own; scenes share it, by the worst', () => {
  const two = (a: number, b: number): Trial => [
    { scene: 'a', used: { x: a } },
    { scene: 'b', used: { x: b } },
  ]
  const ends: Pair = { guide: two(0, 0), target: two(0, 0) }
  const correction = learned({}, { guide: two(1, 2), target: two(4, 3) }, ends, 0)
  expect(correction.x!.rounding).toBeCloseTo(4)
  expect(learned({}, { guide: trial(1, 2), target: trial(2, 2) }, fp32, 0)).toMatchObject({
    'depth absRel': { rounding: 4 - 0.09 },
    'depth rmse': { rounding: (4 - 0.09) / 4 },
  })
})

test('what is not finite teaches no figure: a guide that breaks nothing, a target that breaks to expect worse', () => {
  const before = { 'depth absRel': { rounding: 2, sums: 3 }, 'depth rmse': { rounding: 2, sums: 3 } }
  expect(learned(before, { guide: trial(infinite), target: trial(1) }, fp32, 1)).toEqual(before)
  const worse = learned(before, { guide: trial(0.1), target: trial(infinite) }, fp32, 1)
  expect(worse['depth absRel']!.rounding).toBeGreaterThan(2)
  expect(expected(trial(infinite), fp32, before, 0).used).toBe(infinite)
})

test('FP32 is expected to be what it is on the target, whatever was learned', () => {
  const correction = { 'depth absRel': { rounding: 50, sums: 50 }, 'depth rmse': { rounding: 50, sums: 50 } }
  expect(expected(trial(0), fp32, correction, 0).used).toBe(0.3)
})
