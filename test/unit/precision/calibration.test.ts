import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Calibration, rangeOf } from '../../../src/precision/calibration.ts'
import { emptyHistogram, type Histogram, observe } from '../../../src/precision/histogram.ts'
import { repo } from '../../helpers/files.ts'
import { noise } from '../../helpers/graph.ts'

interface Expected {
  width: number
  zeros: number
  bins: number
  checksum: number
  max: number
  percentile: Record<string, number>
  entropy: number
}
const reference: Record<string, Expected> = JSON.parse(
  readFileSync(join(repo, 'test/reference/calibration.json'), 'utf8'),
)

const cubed = (values: Float32Array, factor = 1) => values.map(x => x * x * x * factor)
const product = (length: number, seeds: number[], factor: number) => {
  const all = seeds.map(seed => noise(length, seed))
  return Float32Array.from({ length }, (_, i) => all.reduce((wide, one) => wide * one[i]!, factor))
}
/** The values of calibration.py. */
const cases: Record<string, Float32Array> = {
  even: noise(20000, 1),
  heavy: product(30000, [2, 7, 8, 9], 37.5),
  heavier: product(30000, [2, 7, 8, 9, 10, 11, 12, 13], 3),
  positive: cubed(noise(20000, 3), 5).map(x => Math.max(x, 0)),
  tiny: cubed(noise(5000, 4), 2 ** -100),
  outlier: Float32Array.of(...cubed(noise(20000, 5)), 1000),
  // ties to even, as NumPy rounds
  coarse: cubed(noise(4000, 6), 20).map(x => (x % 1 === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  one: Float32Array.of(0, 0, -3),
  power: Float32Array.of(4, 1, 0.25),
}
const observed = (...parts: Float32Array[]): Histogram => {
  const histogram = emptyHistogram()
  for (const part of parts) expect(observe(histogram, part)).toBeUndefined()
  return histogram
}
const range = (histogram: Histogram, calibration: Partial<Calibration>) =>
  rangeOf('t', histogram, { method: 'min-max', percentile: 99.99, ...calibration }, 'calibrator')

test('every case of the reference is here', () => {
  expect(Object.keys(cases)).toEqual(Object.keys(reference))
})

describe.each(Object.keys(cases))('%s values, against NumPy', name => {
  const values = cases[name]!
  const expected = reference[name]!
  const histogram = observed(values)

  test('are counted alike', () => {
    const { width, zeros, total, max, counts } = histogram
    const filled = [...counts].filter(count => count > 0).length
    const checksum = counts.reduce((sum, count, i) => sum + count * i, 0)
    expect({ width, zeros, total, max, filled, checksum }).toEqual({
      width: expected.width,
      zeros: expected.zeros,
      total: values.length,
      max: expected.max,
      filled: expected.bins,
      checksum: expected.checksum,
    })
  })

  test('in whatever order and pieces they come', () => {
    const sorted = Float32Array.from(values).sort((a, b) => Math.abs(a) - Math.abs(b))
    const pieces = [0, 1, 2, 3].map(i =>
      sorted.subarray((i * values.length) >> 2, ((i + 1) * values.length) >> 2),
    )
    expect(observed(...pieces)).toEqual(histogram)
    expect(observed(...pieces.reverse())).toEqual(histogram)
  })

  test('min-max keeps the largest', () => {
    expect(range(histogram, { method: 'min-max' })).toBe(expected.max)
  })

  test.each(Object.entries(expected.percentile))('percentile %s keeps that many', (share, wanted) => {
    const found = range(histogram, { method: 'percentile', percentile: Number(share) })
    if (wanted === 0) expect(found).toBe(expected.max)
    else {
      expect(found).toBeGreaterThanOrEqual(wanted)
      expect(found).toBeLessThanOrEqual(wanted + expected.width)
    }
  })

  test('entropy finds the threshold of the definition', () => {
    expect(range(histogram, { method: 'entropy' })).toBe(expected.entropy)
  })
})

describe('observing', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'tells of %d and counts nothing',
    odd => {
      const histogram = observed(Float32Array.of(1, 2))
      expect(observe(histogram, Float32Array.of(3, odd, 4))).toBe(odd)
      expect(histogram).toEqual(observed(Float32Array.of(1, 2)))
    },
  )
  test('zeros alone have no range, and are no obstacle to what comes later', () => {
    const histogram = observed(Float32Array.of(0, -0))
    for (const method of ['min-max', 'percentile', 'entropy'] as const)
      expect(range(histogram, { method })).toBe(0)
    expect(histogram.zeros).toBe(2)
    observe(histogram, Float32Array.of(5))
    expect(histogram).toEqual(observed(Float32Array.of(5, 0, 0)))
  })
  test('the smallest and the largest float32 have their bins', () => {
    const histogram = observed(Float32Array.of(2 ** -149, 3.4028234663852886e38))
    expect(histogram.counts[0]).toBe(1)
    expect(histogram.counts[4095]).toBe(1)
  })
})

describe("a user's calibrator", () => {
  const histogram = observed(Float32Array.of(1, -2, 0))
  test('is given the tensor and its histogram', () => {
    expect(rangeOf('t', histogram, (tensor, { max, total }) => max * total * tensor.length, 'here')).toBe(6)
  })
  test('is not asked about zeros', () => {
    const never = () => {
      throw new Error('asked')
    }
    expect(rangeOf('t', observed(Float32Array.of(0)), never, 'here')).toBe(0)
  })
  test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, '3', undefined])('may not return %j', value => {
    expect(() =>
      rangeOf('relu_1', histogram, () => value as number, 'depthgate.config.ts: calibrator'),
    ).toThrow(
      /depthgate\.config\.ts: calibrator: returned .* for the tensor "relu_1", expected a finite number above 0/,
    )
  })
})
