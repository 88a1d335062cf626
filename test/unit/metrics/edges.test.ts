import { describe, expect, test } from 'vitest'
import { measure } from '../../../src/metrics/index.ts'
import { draw } from './maps.ts'

const [width, height] = [40, 30]
/** ten ratios from 1.05 to 1.25 add up to 11.5 */
const sum = 11.5

/** A square of 16×16 whose background is `step` times as far. */
const square = (step: number, shift = 0) =>
  draw(width, height, (x, y) => (x >= 10 + shift && x < 26 + shift && y >= 7 && y < 23 ? 1 : step))

function edges(golden: Float64Array, actual = golden, size = { width, height }) {
  const { edgeF1, edgeF1Self, edgeF1Drop } = measure({ golden, actual, ...size }).metrics
  return { f1: edgeF1, self: edgeF1Self, drop: edgeF1Drop }
}

describe('a map against itself', () => {
  test('scores 0 where it has no edges', () => {
    expect(edges(draw(width, height, () => 3))).toEqual({ f1: 0, self: 0, drop: 0 })
  })

  test.each([
    ['from left to right', (x: number) => (x < 20 ? 1 : 2)],
    ['from right to left', (x: number) => (x < 20 ? 2 : 1)],
    ['downwards', (_: number, y: number) => (y < 15 ? 1 : 2)],
    ['upwards', (_: number, y: number) => (y < 15 ? 2 : 1)],
  ])('scores a quarter with one step %s: three directions have none', (_, depth) => {
    expect(edges(draw(width, height, depth)).f1).toBeCloseTo(0.25, 14)
  })

  test('scores 1 with a square in front of a wall twice as far', () => {
    const { f1, self, drop } = edges(square(2))
    expect(f1).toBeCloseTo(1, 14)
    expect(self).toBe(f1)
    expect(drop).toBe(0)
  })

  test('counts a step of 10 % for three of the ten ratios', () => {
    const { f1 } = edges(square(1.1))
    expect(f1).toBeCloseTo((1.05 + 1.05 + 0.2 / 9 + 1.05 + 0.4 / 9) / sum, 14)
    expect(f1).toBeCloseTo(0.2797, 4)
  })

  test('a step of exactly a ratio is no edge at that ratio', () => {
    expect(edges(square(1.25)).f1).toBeCloseTo((sum - 1.25) / sum, 14)
    expect(edges(square(1.2500001)).f1).toBeCloseTo(1, 14)
    expect(edges(square(1.05)).f1).toBe(0)
    expect(edges(square(1.0500001)).f1).toBeCloseTo(1.05 / sum, 14)
    expect(edges(square(1.049)).f1).toBe(0)
  })

  test.each(Array.from({ length: 9 }, (_, i) => 1.05 + (i + 0.5) * (0.2 / 9)))(
    'a step of %f counts for the ratios below it',
    step => {
      const ratios = Array.from({ length: 10 }, (_, i) => 1.05 + i * (0.2 / 9)).filter(ratio => ratio < step)
      expect(edges(square(step)).f1).toBeCloseTo(ratios.reduce((total, ratio) => total + ratio, 0) / sum, 12)
    },
  )
})

describe('one map against another', () => {
  test('there is no tolerance of a pixel', () => {
    const { f1, self, drop } = edges(square(2), square(2, 1))
    expect(f1).toBeCloseTo(0.46875, 14)
    expect(self).toBeCloseTo(1, 14)
    expect(drop).toBe(self - f1)
  })

  test('scale does not matter', () => {
    const golden = square(2)
    expect(
      edges(
        golden,
        golden.map(depth => depth * 3),
      ),
    ).toEqual(edges(golden))
  })

  test('an edge in the opposite direction is another edge', () => {
    const [there, back] = [draw(2, 1, x => 1 + x), draw(2, 1, x => 2 - x)]
    expect(edges(there, back, { width: 2, height: 1 }).f1).toBe(0)
  })

  test('recall and precision are averaged over the directions before F1', () => {
    // right: 1 of 2 found, and nothing invented; the other directions have no edges
    const golden = draw(4, 1, x => [4, 2, 2, 1][x]!)
    const actual = draw(4, 1, x => [4, 2, 2, 2][x]!)
    const [recall, precision] = [0.5 / 4, 1 / 4]
    const { f1 } = edges(golden, actual, { width: 4, height: 1 })
    expect(f1).toBeCloseTo((2 * recall * precision) / (recall + precision), 14)
    // found and invented change places when the maps do
    expect(edges(actual, golden, { width: 4, height: 1 }).f1).toBeCloseTo(f1, 14)
  })

  test('a weaker edge counts for the ratios that both exceed', () => {
    const { f1 } = edges(square(2), square(1.1))
    expect(f1).toBeCloseTo(edges(square(1.1)).f1, 14)
    expect(edges(square(1.1), square(2)).f1).toBeCloseTo(f1, 14)
  })

  test('better edges than the golden has are no drop', () => {
    const { f1, self, drop } = edges(
      draw(3, 3, () => 1),
      draw(3, 3, (x, y) => ((x + y) % 2 ? 2 : 1)),
      {
        width: 3,
        height: 3,
      },
    )
    expect([f1, self, drop]).toEqual([0, 0, 0])
  })
})

describe('odd values', () => {
  test('a comparison with NaN is no edge', () => {
    const size = { width: 3, height: 1 }
    expect(
      edges(
        draw(3, 1, x => [1, 2, 4][x]!),
        Float64Array.of(1, 2, Number.NaN),
        size,
      ).f1,
    ).toBeGreaterThan(0)
    expect(
      edges(
        draw(3, 1, x => [1, 2, 4][x]!),
        Float64Array.of(1, Number.NaN, 4),
        size,
      ).f1,
    ).toBe(0)
  })

  test('depths below 1e-6 count as 1e-6, those below zero too', () => {
    const size = { width: 2, height: 1 }
    const step = Float64Array.of(1e-6, 1)
    for (const near of [0, -0, -5, 1e-9])
      expect(edges(step, Float64Array.of(near, 1), size).f1).toBeCloseTo(0.25)
    for (const near of [0, -5, 1e-9]) expect(edges(step, Float64Array.of(near, 1e-7), size).f1).toBe(0)
    for (const near of [-3, -5]) expect(edges(step, Float64Array.of(near, -4), size).f1).toBe(0)
  })

  test('infinity is farther than anything, but not than itself', () => {
    const size = { width: 2, height: 1 }
    const step = Float64Array.of(1, 2)
    expect(edges(step, Float64Array.of(1, Infinity), size).f1).toBeCloseTo(0.25)
    expect(edges(step, Float64Array.of(Infinity, Infinity), size).f1).toBe(0)
  })

  test('inverse depths have the same edges the other way round', () => {
    const [golden, actual] = [square(2), square(1.15, 1)]
    const inverse = (map: Float64Array) => map.map(depth => 1 / depth)
    expect(edges(inverse(golden), inverse(actual)).f1).toBeCloseTo(edges(golden, actual).f1, 14)
  })

  test('one pixel has no neighbours', () => {
    expect(edges(Float64Array.of(1), Float64Array.of(2), { width: 1, height: 1 })).toEqual({
      f1: 0,
      self: 0,
      drop: 0,
    })
  })
})
