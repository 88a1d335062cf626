import { describe, expect, test } from 'vitest'
import { median, quantiles, type Sample } from '../../../src/metrics/order-statistics.ts'
import { mix } from './maps.ts'

/** A sample of a copy, with its bounds. */
function sample(values: Float64Array): Sample {
  const sorted = values.toSorted()
  return { values: values.slice(), least: sorted[0]!, most: sorted.at(-1)! }
}

/** The definition, by sorting. */
function bySorting(values: Float64Array, q: number): number {
  const sorted = values.toSorted()
  const position = (sorted.length - 1) * q
  const below = sorted[Math.floor(position)]!
  const above = sorted[Math.ceil(position)]!
  return below === above ? below : below + (above - below) * (position - Math.floor(position))
}

const qs = [0, 0.25, 0.5, 0.9, 0.95, 0.99, 1]
const lengths = [1, 2, 3, 10, 4096, 4097, 50_001]
/** u is uniform in [0, 1). The spreads that make the selection take its different ways. */
const spreads: Record<string, (u: number, i: number) => number> = {
  'even in 0…1': u => u,
  'close to 1': u => 0.98 + u / 25,
  'over three hundred decades': u => 10 ** (300 * u - 150),
  'of both signs': u => u - 0.7,
  'all below zero': u => -1 - u,
  'all alike': () => 0.1,
  'all zero, of either sign': u => (u < 0.5 ? -0 : 0),
  'a few values many times': u => Math.floor(u * 5) / 5,
  'mostly zero': u => (u < 0.8 ? 0 : u),
  'apart in the low 32 bits only': u => 1 + Math.floor(u * 2 ** 30) * 2 ** -52,
  'negative, and apart in the low 32 bits only': u => -1 - Math.floor(u * 2 ** 30) * 2 ** -52,
  'low bits above and below their own sign': u => 1 + Math.floor(u * 2 ** 32) * 2 ** -52,
  'one far outlier': (u, i) => (i === 0 ? 1e300 : 1 + u / 1000),
  'with infinities': u => (u < 0.97 ? u : Infinity),
  ascending: (_, i) => i,
}

describe.each(Object.entries(spreads))('values %s', (_, spread) => {
  test.each(lengths)('%i of them have the quantiles of the sorted ones', length => {
    const values = Float64Array.from({ length }, (_, i) => spread(mix(length, i) / 2 ** 32, i))
    const expected = qs.map(q => bySorting(values, q))
    const found = quantiles(sample(values), qs)
    for (const [i, value] of found.entries()) {
      if (expected[i] === Infinity) expect(value).toBe(Infinity)
      else expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(1e-12 * Math.abs(expected[i]!))
    }
    const middle = bySorting(values, 0.5)
    expect(Math.abs(median(sample(values)) - middle)).toBeLessThanOrEqual(1e-12 * Math.abs(middle))
  })
})

test('a quantile lies on the line between its neighbours', () => {
  expect(quantiles(sample(Float64Array.of(40, 10, 30, 20)), [0.5, 0.9])).toEqual([25, 37])
  expect(quantiles(sample(Float64Array.of(7)), [0.5, 0.99])).toEqual([7, 7])
})

test('the median of an even number is the mean of the middle two', () => {
  expect(median(sample(Float64Array.of(5, 1, 3)))).toBe(3)
  expect(median(sample(Float64Array.of(5, 1, 3, 2)))).toBe(2.5)
  expect(median(sample(Float64Array.of(-2, -1)))).toBe(-1.5)
})

test('an infinite neighbour makes no NaN', () => {
  expect(quantiles(sample(Float64Array.of(1, Infinity, Infinity)), [0, 0.25, 0.5, 0.75])).toEqual([
    1,
    Infinity,
    Infinity,
    Infinity,
  ])
})

test('minus zero comes out as zero', () => {
  expect(Object.is(median(sample(new Float64Array(5).fill(-0))), 0)).toBe(true)
  expect(Object.is(median(sample(new Float64Array(5000).fill(-0))), 0)).toBe(true)
})

test('bounds wider than the values will do', () => {
  const values = Float64Array.from({ length: 20_000 }, (_, i) => mix(1, i) / 2 ** 32 - 0.25)
  expect(median({ values: values.slice(), least: -1e300, most: 1e300 })).toBe(median(sample(values)))
  expect(median({ values: values.slice(), least: -Infinity, most: Infinity })).toBe(median(sample(values)))
})

test('a bound of zero takes in zero of either sign', () => {
  const values = Float64Array.from({ length: 20_000 }, (_, i) => (i % 3 === 0 ? 0 : i % 3 === 1 ? -0 : 5))
  expect(median({ values: values.slice(), least: 0, most: 5 })).toBe(0)
  const below = values.map(value => (value === 5 ? -5 : value))
  expect(quantiles({ values: below, least: -5, most: -0 }, [0, 0.3, 0.5, 1])).toEqual([-5, -5, 0, 0])
})
