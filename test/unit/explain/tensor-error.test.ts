import { expect, test } from 'vitest'
import { tensorError, worstOf } from '../../../src/explain/tensor-error.ts'

const { POSITIVE_INFINITY: infinite, NEGATIVE_INFINITY: minus, NaN: nan } = Number
const error = (full: number[], value: number[]) =>
  tensorError(Float32Array.from(full), Float32Array.from(value))

test('the error is relative to the tensor as a whole', () => {
  // differences 3 and 4 against values 30 and 40
  expect(error([30, 40], [33, 44]).relative).toBeCloseTo(0.1, 6)
  expect(error([1, -2], [1, -2])).toMatchObject({ relative: 0, largest: 2, values: 2 })
})

test('overflow, NaN and what is flushed are counted; the error is then infinite', () => {
  expect(error([7e4, 1, 1e-9, 0], [infinite, nan, 0, 0])).toEqual({
    relative: infinite,
    largest: Math.fround(7e4),
    overflowed: 1,
    nan: 1,
    flushed: 1,
    values: 4,
  })
})

test('where FP32 itself is not finite nothing is held against it', () => {
  expect(error([minus, 2, nan], [minus, 2, 5])).toMatchObject({
    relative: 0,
    overflowed: 0,
    nan: 0,
    largest: 2,
  })
})

test('a tensor of zeros has no scale', () => {
  expect(error([0, 0], [0, 0]).relative).toBe(0)
  expect(error([0, 0], [0, 1]).relative).toBe(infinite)
})

test('of two scenes the worse error and all counts are kept', () => {
  const both = worstOf(error([1, 1], [1, infinite]), error([4, 1e-9], [4, 0]))
  expect(both).toMatchObject({ relative: infinite, largest: 4, overflowed: 1, flushed: 1, values: 4 })
})
