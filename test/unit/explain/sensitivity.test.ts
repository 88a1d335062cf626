import { describe, expect, test } from 'vitest'
import { type Group, sensitivity, unequal } from '../../../src/explain/sensitivity.ts'
import { worthBy } from '../../../src/explain/survey.ts'

/** Errors that add up as squares, on top of what FP32 uses. */
const additive = (errors: readonly number[], floor: number, asked: number[][] = []) => {
  return async (units: readonly number[]) => {
    asked.push([...units])
    return Math.sqrt(units.reduce((sum, unit) => sum + errors[unit]! ** 2, floor ** 2))
  }
}

describe('sensitivity', () => {
  const errors = Array.from({ length: 64 }, (_, i) => (i === 9 ? 3 : i === 41 ? 2 : 1e-4))

  test('finds the units that matter, and says of the others that they are little together', async () => {
    const asked: number[][] = []
    const { groups, splits } = await sensitivity(64, additive(errors, 0.1, asked), 0.1, {
      negligible: 0.01,
      trials: 60,
    })
    const single = groups.filter(({ units }) => units.length === 1).filter(({ used }) => used > 0.01)
    expect(single.map(({ units: [unit], used }) => [unit, Number(used.toFixed(6))])).toEqual([
      [9, 3],
      [41, 2],
    ])
    // two of 64, by four each time
    expect(splits.length).toBeLessThanOrEqual(5)
    expect(asked.length).toBe(1 + 4 * splits.length)
    expect(unequal(splits)).toEqual([])
    expect(groups.flatMap(({ units }) => units)).toEqual(Array.from({ length: 64 }, (_, i) => i))
  })

  test('runs no more trials than it may, with every unit in a group', async () => {
    const asked: number[][] = []
    const { groups } = await sensitivity(64, additive(errors, 0, asked), 0, { negligible: 0, trials: 12 })
    expect(asked.length).toBe(9)
    expect(groups.flatMap(({ units }) => units)).toEqual(Array.from({ length: 64 }, (_, i) => i))
    expect(groups.length).toBe(7)
    // what more trials would cut: not what is worth nothing, nor a single unit
    const uncut = groups.filter(group => group.uncut).map(({ units }) => units)
    expect(uncut.some(units => units.includes(9))).toBe(true)
    const all = await sensitivity(64, additive(errors, 0), 0, { negligible: 0.01, trials: 60 })
    expect(all.groups.filter(group => group.uncut)).toEqual([])
    const worth = ({ units }: Group) => (units.includes(9) ? 1 : 0)
    const few = await sensitivity(64, additive(errors, 0), 0, { negligible: 0, trials: 12, worth })
    expect(few.groups.filter(group => group.uncut).map(({ units }) => units.includes(9))).toEqual([true])
  })

  test('tells apart what is worth it, and nothing that is worth nothing', async () => {
    const worth = ({ units }: Group) => (units.length < 64 && units.includes(9) ? 0 : 1)
    const { groups } = await sensitivity(64, additive(errors, 0), 0, { negligible: 0, trials: 99, worth })
    const told = groups.filter(({ units }) => units.length > 1)
    expect(told.map(({ units }) => [units[0], units.length])).toEqual([[0, 16]])
  })

  test('a group that FP32 would cost much is worth more, one that costs a trifle nothing', () => {
    const costs = { type: 'nominal', all: 1000, more: (unit: number) => [1, 10, 400][unit]! } as const
    const worth = worthBy(costs)
    expect(worth({ units: [0, 0], used: 5 })).toBe(0)
    expect(worth({ units: [1, 2], used: 1 })).toBeGreaterThan(worth({ units: [1, 1], used: 1 }))
    // without any shape nothing has a cost
    expect(worthBy({ ...costs, all: 0 })({ units: [0], used: 5 })).toBe(5)
  })

  test('says where squares do not add up: two that overflow only together', async () => {
    const together = async (units: readonly number[]) => (units.includes(0) && units.includes(3) ? 5 : 0.1)
    const { splits } = await sensitivity(4, together, 0, { negligible: 0.01, trials: 11 })
    expect(unequal(splits)[0]).toMatchObject({ units: [0, 1, 2, 3], whole: 5 })
  })

  test('infinite errors are cut like others', async () => {
    const infinite = async (units: readonly number[]) => (units.includes(5) ? Number.POSITIVE_INFINITY : 0)
    const { groups, splits } = await sensitivity(8, infinite, 0, { negligible: 0.01, trials: 19 })
    expect(groups.find(({ used }) => used > 0)).toEqual({ units: [5], used: Number.POSITIVE_INFINITY })
    expect(unequal(splits)).toEqual([])
  })
})
