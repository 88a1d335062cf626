import { describe, expect, test } from 'vitest'
import { sensitivity, unequal } from '../../../src/explain/sensitivity.ts'

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
      splits: 30,
    })
    const single = groups.filter(({ units }) => units.length === 1).filter(({ used }) => used > 0.01)
    expect(single.map(({ units: [unit], used }) => [unit, Number(used.toFixed(6))])).toEqual([
      [9, 3],
      [41, 2],
    ])
    // two of 64 by halving
    expect(splits.length).toBeLessThanOrEqual(11)
    expect(asked.length).toBe(1 + 2 * splits.length)
    expect(unequal(splits)).toEqual([])
    expect(groups.flatMap(({ units }) => units)).toEqual(Array.from({ length: 64 }, (_, i) => i))
  })

  test('stops when its halvings are spent, with every unit in a group', async () => {
    const { groups, splits } = await sensitivity(64, additive(errors, 0), 0, { negligible: 0, splits: 3 })
    expect(splits.length).toBe(3)
    expect(groups.flatMap(({ units }) => units)).toEqual(Array.from({ length: 64 }, (_, i) => i))
    expect(groups.length).toBe(4)
  })

  test('says where squares do not add up: two that overflow only together', async () => {
    const together = async (units: readonly number[]) => (units.includes(0) && units.includes(3) ? 5 : 0.1)
    const { splits } = await sensitivity(4, together, 0, { negligible: 0.01, splits: 5 })
    expect(unequal(splits)[0]).toMatchObject({ units: [0, 1, 2, 3], whole: 5 })
  })

  test('infinite errors are halved like others', async () => {
    const infinite = async (units: readonly number[]) => (units.includes(5) ? Number.POSITIVE_INFINITY : 0)
    const { groups, splits } = await sensitivity(8, infinite, 0, { negligible: 0.01, splits: 9 })
    expect(groups.find(({ used }) => used > 0)).toEqual({ units: [5], used: Number.POSITIVE_INFINITY })
    expect(unequal(splits)).toEqual([])
  })
})
