import { describe, expect, test } from 'vitest'
import type { Level } from '../../../src/explain/levels.ts'
import { fewest, levelsAfter, predicted, prune, type Step, stepsOf } from '../../../src/explain/search.ts'
import type { Unit } from '../../../src/explain/units.ts'

const unit = (sums = false) => ({ sums }) as Unit
const whole = (unitIndex: number, gain: number, cost = 1): Step => ({
  unit: unitIndex,
  level: 'full',
  gain,
  cost,
})

describe('stepsOf', () => {
  test('orders by what is taken off for what it costs, infinite errors first, the cheapest of equals first', () => {
    const steps = stepsOf([unit(), unit(), unit(), unit()], {
      low: [4, Number.POSITIVE_INFINITY, 9, Number.POSITIVE_INFINITY],
      between: new Map(),
      cost: index => [1, 8, 9, 2][index]!,
    })
    expect(steps.map(step => step.unit)).toEqual([3, 1, 0, 2])
  })

  test('FP32 sums are a step of their own where they take more off for their cost', () => {
    const weights = { low: [10], cost: (_: number, level: Level) => (level === 'sum' ? 1 : 5) }
    expect(stepsOf([unit(true)], { ...weights, between: new Map([[0, 1]]) })).toEqual([
      { unit: 0, level: 'sum', gain: 9, cost: 1 },
      { unit: 0, level: 'full', gain: 1, cost: 4 },
    ])
    // summing in FP32 helps nothing here
    expect(stepsOf([unit(true)], { ...weights, between: new Map([[0, 10]]) })).toEqual([
      { unit: 0, level: 'full', gain: 10, cost: 5 },
    ])
  })
})

test('levelsAfter takes the highest step of a unit', () => {
  expect(levelsAfter(3, [{ ...whole(0, 1), level: 'sum' }, whole(2, 1), whole(0, 1)])).toEqual([
    'full',
    'low',
    'full',
  ])
})

test('predicted leaves no more than is allowed', () => {
  const steps = [whole(0, 8), whole(1, 4), whole(2, 2), whole(3, 1)]
  expect(predicted(steps, 3)).toBe(2)
  expect(predicted(steps, 2.9)).toBe(3)
  expect(predicted(steps, 100)).toBe(0)
  expect(predicted([whole(0, Number.POSITIVE_INFINITY), whole(1, 1)], 2)).toBe(1)
})

describe('fewest', () => {
  const counts = [1, 2, 5, 37, 99, 100]
  test.each(counts.flatMap(needed => [1, 3, 36, 37, 60, 100].map(guess => [needed, guess] as const)))(
    'finds %i of 100 from a guess of %i',
    async (needed, guess) => {
      const asked: number[] = []
      const found = await fewest(100, guess, async steps => {
        asked.push(steps)
        return steps >= needed
      })
      expect(found).toBe(needed)
      // what is known is never asked again, and a good guess costs few
      expect(new Set(asked).size).toBe(asked.length)
      expect(asked).not.toContain(0)
      expect(asked).not.toContain(100)
      expect(asked.length).toBeLessThanOrEqual(14)
      if (Math.abs(guess - needed) <= 1) expect(asked.length).toBeLessThanOrEqual(4)
    },
  )
})

describe('prune', () => {
  const needs =
    (...needed: number[]) =>
    async (levels: readonly Level[]) =>
      needed.every(index => levels[index] !== 'low')
  const all = (count: number) => Array.from({ length: count }, (): Level => 'full')

  test('leaves what is needed, wherever it lies', async () => {
    const levels = await prune(all(9), [8, 7, 6, 5, 4, 3, 2, 1, 0], () => undefined, needs(1, 6))
    expect(levels.flatMap((level, index) => (level === 'low' ? [] : [index]))).toEqual([1, 6])
  })

  test('of two that can stand for each other, the one named first goes', async () => {
    const either = async (levels: readonly Level[]) => levels[0] === 'full' || levels[2] === 'full'
    expect(await prune(all(3), [2, 1, 0], () => undefined, either)).toEqual(['full', 'low', 'low'])
  })

  test('a quantised one that needs no more than the rest gets that', async () => {
    expect(await prune(all(2), [0, 1], () => 'rest', needs(1))).toEqual(['low', 'rest'])
  })

  test('a product that needs no more than FP32 sums gets those', async () => {
    expect(await prune(all(2), [0, 1], index => (index === 1 ? 'sum' : undefined), needs(1))).toEqual([
      'low',
      'sum',
    ])
  })
})
