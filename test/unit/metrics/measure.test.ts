import { describe, expect, test } from 'vitest'
import { DepthgateError } from '../../../src/base/errors.ts'
import { catalogue, fovErrorDeg, type MetricName, measure } from '../../../src/metrics/index.ts'
import { draw, measureRow } from './maps.ts'

const { NaN: none } = Number

describe('values worked out by hand', () => {
  const { metrics, goldenMean } = measureRow([1, 2, 4, 8], [1.5, 2, 3, 16])

  test.each<[MetricName, number]>([
    ['rmse', Math.sqrt((0.25 + 0 + 1 + 64) / 4)],
    ['mae', (0.5 + 0 + 1 + 8) / 4],
    ['absRel', (0.5 + 0 + 0.25 + 1) / 4],
    ['sqRel', (0.25 + 0 + 0.25 + 8) / 4],
    ['rmseLog', Math.sqrt((Math.log(1.5) ** 2 + Math.log(0.75) ** 2 + Math.log(2) ** 2) / 4)],
    ['log10', (Math.log10(1.5) - Math.log10(0.75) + Math.log10(2)) / 4],
    ['delta1', 0.25],
    ['delta2', 0.75],
    ['delta3', 0.75],
    ['maxAbs', 8],
    ['maxRel', 1],
    ['p50Rel', 0.375],
    ['p90Rel', 0.5 + 0.7 * 0.5],
    ['p95Rel', 0.5 + 0.85 * 0.5],
    ['p99Rel', 0.5 + 0.97 * 0.5],
    ['scale', 1.25],
    ['coverage', 1],
    ['strays', 0],
  ])('%s', (name, expected) => {
    expect(metrics[name]).toBeCloseTo(expected, 13)
  })

  test('siLog', () => {
    const d = [Math.log(1.5), 0, Math.log(0.75), Math.log(2)]
    const mean = d.reduce((sum, value) => sum + value, 0) / 4
    const variance = d.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 4
    expect(metrics.siLog).toBeCloseTo(100 * Math.sqrt(variance), 12)
  })

  test('the mean of the golden', () => {
    expect(goldenMean).toBe(3.75)
  })
})

describe('deltas', () => {
  test.each([
    [1.25, 0, 1, 1],
    [1.25 ** 2, 0, 0, 1],
    [1.25 ** 3, 0, 0, 0],
    [0.8, 0, 1, 1],
    [1.2499999, 1, 1, 1],
    [0.8000001, 1, 1, 1],
    [0.81, 1, 1, 1],
    [1.19, 1, 1, 1],
    [1.5625001, 0, 0, 1],
    [2, 0, 0, 0],
    [0.5, 0, 0, 0],
    [0, 0, 0, 0],
    [-0, 0, 0, 0],
    [-1, 0, 0, 0],
  ])('a factor of %f: strictly below 1.25, 1.25², 1.25³', (actual, delta1, delta2, delta3) => {
    expect(measureRow([1], [actual]).metrics).toMatchObject({ delta1, delta2, delta3 })
  })
})

describe('maps that agree up to a scale', () => {
  const golden = draw(31, 17, (x, y) => 1 + x * 0.1 + y * 0.37)

  test('the same map', () => {
    const { metrics, worst } = measure({ golden, actual: golden.slice(), width: 31, height: 17 })
    expect(metrics).toMatchObject({
      rmse: 0,
      mae: 0,
      absRel: 0,
      sqRel: 0,
      rmseLog: 0,
      log10: 0,
      siLog: 0,
      delta1: 1,
      delta3: 1,
      maxAbs: 0,
      maxRel: 0,
      p50Rel: 0,
      p99Rel: 0,
      scale: 1,
      coverage: 1,
      strays: 0,
      edgeF1Drop: 0,
    })
    expect(worst).toMatchObject({ index: 0, relative: 0 })
  })

  test.each([3, 1.02, 0.1])('%f times the map: siLog all but vanishes and is no NaN', factor => {
    const actual = golden.map(depth => depth * factor)
    const { metrics } = measure({ golden, actual, width: 31, height: 17 })
    // well under the 1e-6 that mean(d²) − mean(d)² would leave of rounding
    expect(metrics.siLog).toBeLessThan(1e-13)
    expect(metrics.siLog).toBeGreaterThanOrEqual(0)
    expect(metrics.rmseLog).toBeCloseTo(Math.abs(Math.log(factor)), 14)
    expect(metrics.scale).toBeCloseTo(factor, 14)
  })

  test('logarithms of small and of large errors are good to the last digits', () => {
    for (const error of [1e-12, 1e-6, 0.01, 0.0316, 0.0632, 0.0653, 0.1, 0.5, 30]) {
      for (const signed of [error, -Math.min(error, 0.99)]) {
        const { rmseLog } = measureRow([1], [1 + signed]).metrics
        const exact = Math.abs(Math.log1p(1 + signed - 1))
        expect(Math.abs(rmseLog / exact - 1), `${signed}`).toBeLessThan(4e-16)
      }
    }
  })

  test('a quotient beyond float64 has a logarithm all the same', () => {
    expect(measureRow([1e-200], [1e200]).metrics.rmseLog).toBeCloseTo(400 * Math.LN10, 10)
    expect(measureRow([1e200], [1e-200]).metrics.rmseLog).toBeCloseTo(400 * Math.LN10, 10)
  })
})

describe('which pixels are compared', () => {
  test('the range takes in its bounds', () => {
    const { compared, outside, metrics } = measureRow([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], { min: 2, max: 4 })
    expect({ compared, outside, coverage: metrics.coverage }).toEqual({
      compared: 3,
      outside: 2,
      coverage: 0.6,
    })
  })

  test('golden zero, minus zero and below never are', () => {
    const row = [0, -0, -1, 5e-324, 1]
    expect(measureRow(row, row, { min: -10 })).toMatchObject({ compared: 2, outside: 3 })
  })

  test('each pixel counts once, the mask before the rest', () => {
    const golden = [1, none, 0, 9, Infinity, 1, none, 0, 9]
    const mask = Uint8Array.of(255, 1, 1, 1, 1, 0, 0, 0, 0)
    expect(measureRow(golden, golden, { mask, max: 5 })).toMatchObject({
      pixels: 9,
      compared: 1,
      goldenNonFinite: 2,
      outside: 2,
      masked: 4,
    })
  })

  test('errors at the others change no figure of a pixel', () => {
    const golden = [1, 2, 0, none, 50, 3]
    const options = { mask: Uint8Array.of(1, 1, 1, 1, 1, 0), max: 10 }
    const same = measureRow(golden, [1.5, 2, 0, 0, 50, 3], options)
    const other = measureRow(golden, [1.5, 2, -7, 9, 99, 1e9], options)
    const { edgeF1: _, edgeF1Drop: __, ...pixels } = same.metrics
    expect(other.metrics).toMatchObject(pixels)
    expect(other.worst).toMatchObject({ index: 0 })
    expect(other.goldenMean).toBe(1.5)
  })

  test.each([
    ['every golden is a hole', [none, Infinity, 0], {}],
    ['everything is masked', [1, 2, 3], { mask: new Uint8Array(3) }],
    ['the range holds nothing', [1, 2, 3], { min: 5 }],
    ['a bound is NaN', [1, 2, 3], { max: none }],
  ])('where %s, all metrics are NaN but the coverage', (_, golden, options) => {
    const { metrics, worst, compared, goldenMean } = measureRow(golden, [1, none, 3], options)
    const { coverage, ...others } = metrics
    expect(coverage).toBe(0)
    expect(new Set(Object.values(others))).toEqual(new Set([none]))
    expect({ worst, compared, goldenMean }).toEqual({ worst: null, compared: 0, goldenMean: none })
  })
})

describe('a non-finite actual', () => {
  test.each([none, Infinity, -Infinity])('%f is counted anywhere and left out of the sums', value => {
    const golden = draw(3, 3, (x, y) => 1 + x + 3 * y)
    const actual = golden.map((depth, i) => (i === 4 || i === 7 ? value : depth * 1.5))
    const mask = new Uint8Array(9).fill(1)
    mask[4] = 0
    const found = measure({ golden, actual, width: 3, height: 3, mask })
    expect(found).toMatchObject({ actualNonFinite: 2, compared: 8, firstNonFinite: { x: 1, y: 1, value } })
    expect(found.metrics.absRel).toBe(0.5)
    expect(found.metrics.delta3).toBe(1)
    expect(found.metrics.coverage).toBe(8 / 9)
    expect(found.goldenMean).toBe(40 / 8)
    expect(found.worst).toMatchObject({ index: 4, x: 1, y: 1, golden: 5, actual: value })
  })

  test('where there are only such, the metrics of pixels are NaN', () => {
    const { metrics, worst } = measureRow([1, 2], [none, none])
    for (const name of ['rmse', 'siLog', 'delta1', 'maxAbs', 'maxRel', 'p50Rel', 'scale'] as const)
      expect(metrics[name], name).toBe(none)
    expect(metrics.coverage).toBe(1)
    expect(worst).toMatchObject({ index: 0 })
  })

  test('none is said to be there when there is none', () => {
    expect(measureRow([1], [1])).toMatchObject({ actualNonFinite: 0, firstNonFinite: null })
  })
})

describe('an actual that is not above 0', () => {
  test.each([0, -0, -2])('%f has no logarithm: Infinity, never NaN', actual => {
    const { metrics } = measureRow([1, 2, 3], [1, actual, 3.1])
    expect(metrics).toMatchObject({ rmseLog: Infinity, log10: Infinity, siLog: Infinity, delta3: 2 / 3 })
    expect(metrics.maxRel).toBe((2 - actual) / 2)
    expect(measureRow([1, 2, 3], [actual, actual, actual]).metrics.siLog).toBe(Infinity)
  })

  test('later rows do not make it forgotten', () => {
    const golden = draw(1, 3, () => 1)
    const { metrics } = measure({ golden, actual: Float64Array.of(0, 1, 1), width: 1, height: 3 })
    expect(metrics.siLog).toBe(Infinity)
  })
})

describe('the worst pixel', () => {
  const golden = draw(4, 3, (x, y) => 10 + x + 10 * y)

  test('is the largest relative error, with its sign and its neighbours', () => {
    const actual = golden.slice()
    actual[6] = 11
    // the larger error, but the smaller in relation
    actual[11] = 23
    expect(measure({ golden, actual, width: 4, height: 3 }).worst).toEqual({
      x: 2,
      y: 1,
      index: 6,
      golden: 22,
      actual: 11,
      relative: -0.5,
      neighbourhood: {
        x: 1,
        y: 0,
        golden: [
          [11, 12, 13],
          [21, 22, 23],
          [31, 32, 33],
        ],
        actual: [
          [11, 12, 13],
          [21, 11, 23],
          [31, 32, 23],
        ],
      },
    })
  })

  test.each([
    [
      0,
      0,
      0,
      [
        [10, 11],
        [20, 21],
      ],
    ],
    [
      3,
      2,
      0,
      [
        [12, 13],
        [22, 23],
      ],
    ],
    [
      8,
      0,
      1,
      [
        [20, 21],
        [30, 31],
      ],
    ],
    [
      11,
      2,
      1,
      [
        [22, 23],
        [32, 33],
      ],
    ],
  ])('pixel %i at a corner has the neighbours that there are', (index, x, y, around) => {
    const actual = golden.slice()
    actual[index] = 1000
    const { neighbourhood } = measure({ golden, actual, width: 4, height: 3 }).worst!
    expect(neighbourhood).toMatchObject({ x, y, golden: around })
  })

  test('is the first of those that are as bad', () => {
    expect(measureRow([1, 2, 4], [1, 4, 8]).worst).toMatchObject({ index: 1, relative: 1 })
  })

  test('of one pixel is that one', () => {
    expect(measureRow([2], [3]).worst).toEqual({
      x: 0,
      y: 0,
      index: 0,
      golden: 2,
      actual: 3,
      relative: 0.5,
      neighbourhood: { x: 0, y: 0, golden: [[2]], actual: [[3]] },
    })
  })
})

describe('what cannot be compared', () => {
  const one = Float32Array.of(1)
  test.each([
    [
      'golden',
      { golden: new Float32Array(5), actual: one, width: 1, height: 1 },
      /golden holds 5 values.*needs 1/,
    ],
    ['actual', { golden: one, actual: new Float32Array(0), width: 1, height: 1 }, /actual holds 0 values/],
    [
      'mask',
      { golden: one, actual: one, mask: new Uint8Array(2), width: 1, height: 1 },
      /mask holds 2 values/,
    ],
    ['empty', { golden: one, actual: one, width: 0, height: 1 }, /1×0 .*above 0/],
    ['fractional', { golden: one, actual: one, width: 0.5, height: 2 }, /2×0\.5/],
  ])('%s', (_, pair, message) => {
    expect(() => measure(pair)).toThrow(DepthgateError)
    expect(() => measure(pair)).toThrow(message)
    expect(() => measure(pair)).toThrow(expect.objectContaining({ code: 'shape' }))
  })
})

test('scratch of an earlier, larger pair shows in no later one', () => {
  const small = () => measureRow([1, 2, 4, 8], [1.5, 2, 3, 16])
  const before = small()
  const golden = draw(100, 100, (x, y) => 1 + x + y)
  measure({ golden, actual: golden.map(depth => -depth), width: 100, height: 100 })
  expect(small()).toEqual(before)
})

test('float32 and float64 maps may be mixed', () => {
  const golden = Float32Array.of(1, 2, 4)
  const actual = Float64Array.of(1.25, 2, 4)
  expect(measure({ golden, actual, width: 3, height: 1 }).metrics.maxRel).toBe(0.25)
})

test('inputs are left as they were', () => {
  const [golden, actual] = [Float64Array.of(3, 1, 2), Float64Array.of(9, none, -1)]
  measure({ golden, actual, width: 3, height: 1 })
  expect([...golden, ...actual]).toEqual([3, 1, 2, 9, none, -1])
})

test('the field of view error is a number of degrees', () => {
  expect(fovErrorDeg(47.25, 46)).toBe(1.25)
  expect(fovErrorDeg(46, 47.25)).toBe(1.25)
  expect(fovErrorDeg(46, none)).toBe(none)
})

test('the catalogue lists what measure gives, in its order', () => {
  expect(Object.keys(catalogue)).toEqual([...Object.keys(measureRow([1], [1]).metrics), 'fovErrorDeg'])
  const scaled = Object.entries(catalogue).filter(([, info]) => info.scaleOf === 'golden')
  expect(scaled.map(([name]) => name)).toEqual(['rmse', 'mae', 'maxAbs'])
  for (const [, info] of scaled) expect(info.unit).toBe('depth')
})
