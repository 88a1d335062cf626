import { expect, test } from 'vitest'
import { MagnitudeCounts } from '../../../src/explain/magnitudes.ts'

const floats = (...values: number[]) => Float32Array.from(values)

test('a power of two begins a bin; zeros have their own', () => {
  const counts = new MagnitudeCounts()
  const full = floats(0.5, 1, -1.5, 2, 0, 0)
  counts.take(full, full, full)
  expect(counts.summary().full).toEqual({ first: -1, counts: [1, 2, 1], zeros: 2 })
  expect(counts.summary().local).toEqual({ first: 0, counts: [], zeros: 6 })
})

test('errors are counted by their own size, over all scenes', () => {
  const counts = new MagnitudeCounts()
  counts.take(floats(8, 8), floats(8.25, 8), floats(6, 9))
  counts.take(floats(8), floats(7.75), floats(8))
  const { full, local, accumulated } = counts.summary()
  expect(full).toEqual({ first: 3, counts: [3], zeros: 0 })
  expect(local).toEqual({ first: -2, counts: [2], zeros: 1 })
  expect(accumulated).toEqual({ first: 0, counts: [1, 1], zeros: 1 })
})

test("FP32's subnormals have bins of their own; what is not finite has none", () => {
  const counts = new MagnitudeCounts()
  const full = floats(2 ** -149, 2 ** -127, Number.POSITIVE_INFINITY, Number.NaN, 3e38)
  counts.take(full, full, full)
  const { first, counts: bins, zeros } = counts.summary().full
  expect([first, first + bins.length - 1, zeros]).toEqual([-149, 127, 0])
  expect([bins[0], bins[22], bins.at(-1)]).toEqual([1, 1, 1])
  expect(bins.reduce((a, b) => a + b)).toBe(3)
})

test('of a large tensor an even pick is counted', () => {
  const counts = new MagnitudeCounts()
  // a third each of 1, 2 and 4, in turn along an axis of 1024
  const full = Float32Array.from({ length: 3 * 2 ** 20 }, (_, i) => 2 ** Math.floor(((i % 1024) * 3) / 1024))
  counts.take(full, full, full)
  const { first, counts: bins } = counts.summary().full
  expect(first).toBe(0)
  const total = bins.reduce((a, b) => a + b)
  expect(total).toBeLessThanOrEqual(2 ** 20)
  for (const bin of bins) expect(bin / total).toBeCloseTo(1 / 3, 2)
})
