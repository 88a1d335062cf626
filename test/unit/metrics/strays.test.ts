import { describe, expect, test } from 'vitest'
import { measureRow } from './maps.ts'

/** Fraction of strays among four pixels, the last of which is looked at; the others are 2, 4 and 8. */
const strays = (golden: number, actual: number, options: { min?: number; max?: number } = {}) =>
  measureRow([2, 4, 8, golden], [2, 4, 8, actual], options).metrics.strays

describe('a golden below the range', () => {
  test.each([
    [0, 2.5, 0],
    [0, 2.500001, 0.25],
    [0, 8, 0.25],
    [0, 8.000001, 0.25],
    [-3, 5, 0.25],
    [-0, 5, 0.25],
    [0, 0, 0],
    [0, Number.NaN, 0],
    [0, Infinity, 0],
  ])('without bounds: golden %f, actual %f gives %f', (golden, actual, expected) => {
    expect(strays(golden, actual)).toBe(expected)
  })

  test.each([
    [1, 2, 0.25],
    [1, 1.875, 0],
    [1, 1.876, 0.25],
    [1, 9, 0.25],
    [1, 10.1, 0.25],
    [0, 5, 0.25],
  ])('with bounds 1.5 and 10: golden %f, actual %f gives %f', (golden, actual, expected) => {
    expect(strays(golden, actual, { min: 1.5, max: 10 })).toBe(expected)
  })

  test('a lower bound of 0 or less is none', () => {
    expect(strays(0, 2.4, { min: 0 })).toBe(0)
    expect(strays(-9, 2.4, { min: -5 })).toBe(0)
    expect(strays(-9, 2.6, { min: -5 })).toBe(0.25)
  })
})

describe('a golden above the range', () => {
  test.each([
    [100, 8, 0],
    [100, 7.99, 0.25],
    [100, 2, 0.25],
    [100, 1.99, 0.25],
    [100, 100, 0],
    [10.1, 9.9, 0],
    [100, Number.NaN, 0],
    [100, -1, 0.25],
  ])('up to 10: golden %f, actual %f gives %f', (golden, actual, expected) => {
    expect(strays(golden, actual, { max: 10 })).toBe(expected)
  })
})

test('a masked pixel and a non-finite golden are none', () => {
  const mask = Uint8Array.of(1, 1, 1, 0)
  expect(measureRow([2, 4, 8, 0], [2, 4, 8, 5], { mask }).metrics.strays).toBe(0)
  expect(strays(Number.NaN, 5)).toBe(0)
  expect(strays(Infinity, 5, { max: 10 })).toBe(0)
})

test('a masked pixel stands in for no bound', () => {
  const mask = Uint8Array.of(1, 0, 1)
  expect(measureRow([4, 1, 0], [4, 1, 3], { mask }).metrics.strays).toBe(0)
  expect(measureRow([4, 1, 0], [4, 1, 3]).metrics.strays).toBe(1 / 3)
})
