import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import type { DepthMap } from '../../../src/depth/depth-map.ts'
import { type Comparison, judge } from '../../../src/gate/judge.ts'
import { toleranceFor } from '../../../src/gate/tolerance.ts'
import type { MapVerdict } from '../../../src/gate/verdict.ts'

const map = (values: number[], shape = [1, values.length]): DepthMap =>
  ndarray(Float64Array.from(values), shape)
const compare = (
  golden: DepthMap | number,
  actual: DepthMap | number | undefined,
  more: Partial<Comparison> = {},
) =>
  judge({
    output: 'depth',
    kind: typeof golden === 'number' ? 'fov' : 'metric-depth',
    golden,
    actual,
    tolerance: {},
    ...more,
  })

describe('limits', () => {
  test('are inclusive at both kinds of end', () => {
    const golden = map([1, 1, 1, 1])
    const actual = map([1.5, 1, 1, 1])
    expect(compare(golden, actual, { tolerance: { maxAbs: 0.5, delta1: 0.75, absRel: 0.125 } }).pass).toBe(
      true,
    )
    expect(compare(golden, actual, { tolerance: { maxAbs: 0.4999 } }).pass).toBe(false)
    expect(compare(golden, actual, { tolerance: { delta1: 0.7501 } }).pass).toBe(false)
  })

  test('the limit of scale is a distance from 1, to both sides', () => {
    const golden = map([2, 2, 2])
    for (const factor of [0.75, 1.25]) {
      const actual = map([2, 2, 2].map(value => value * factor))
      expect(compare(golden, actual, { tolerance: { scale: 0.25 } }).pass).toBe(true)
      expect(compare(golden, actual, { tolerance: { scale: 0.24 } }).pass).toBe(false)
    }
  })

  test('a percentage is of the mean of the golden pixels that count', () => {
    const golden = map([1, 3, 1000])
    const actual = map([1.2, 3.2, 1000])
    const range = { max: 10 }
    const verdict = compare(golden, actual, { range, tolerance: { rmse: '10%' } }) as MapVerdict
    expect(verdict.limits[0]?.limit).toBeCloseTo(0.2, 12)
    expect(compare(golden, actual, { range, tolerance: { rmse: '9.9%' } }).pass).toBe(false)
  })

  test('say how much of them is used', () => {
    const verdict = compare(map([1, 1, 1, 1]), map([1.5, 1, 1, 1]), {
      tolerance: { absRel: 0.25, delta1: 0.5 },
    }) as MapVerdict
    expect(verdict.limits.map(({ name, used }) => [name, used])).toEqual([
      ['absRel', 0.5],
      ['delta1', 0.5],
    ])
    const zero = compare(map([1, 1]), map([1, 2]), { tolerance: { maxAbs: 0 } }) as MapVerdict
    expect(zero.limits[0]?.used).toBe(Number.POSITIVE_INFINITY)
  })

  test('false switches a default off', () => {
    const tolerance = toleranceFor('metric-depth', 'fp32', {
      absRel: false,
      rmse: false,
      p99Rel: false,
      scale: false,
      delta1: false,
    })
    expect(compare(map([1, 2]), map([2, 4]), { tolerance }).pass).toBe(true)
  })
})

describe('silence is failure', () => {
  const all = { tolerance: { rmse: 1e9 } }
  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    'one %s pixel of the engine fails',
    value => {
      const verdict = compare(map([1, 2, 3, 4], [2, 2]), map([1, 2, value, 4], [2, 2]), all)
      expect(verdict.pass).toBe(false)
      expect(verdict.reason).toContain('1 of 4 pixels that are not finite')
      expect(verdict.reason).toContain('x 0, y 1')
    },
  )

  test.each([
    ['NaN', [Number.NaN, Number.NaN]],
    ['NaN or infinite', [Number.NaN, Number.POSITIVE_INFINITY]],
  ])('an engine that gives nothing but %s fails in words', (what, values) => {
    const verdict = compare(map([1, 2]), map(values), all)
    expect(verdict.pass).toBe(false)
    expect(verdict.reason).toBe(`the engine produced no finite pixel: all 2 are ${what}`)
  })

  test('a hole in the golden is masked and counted, a hole in the engine at the same place still fails', () => {
    const golden = map([1, Number.NaN, 3])
    const good = compare(golden, map([1, 9, 3]), all) as MapVerdict
    expect(good.pass).toBe(true)
    expect(good.counts).toMatchObject({ compared: 2, goldenNonFinite: 1 })
    expect(compare(golden, map([1, Number.NaN, 3]), all).pass).toBe(false)
  })

  test.each<[string, DepthMap | number | undefined, RegExp]>([
    ['missing', undefined, /gave no such output/],
    ['type', 3, /expected a map, got one number/],
    ['shape', map([1, 2, 3, 4, 5, 6], [3, 2]), /gave 3×2, the golden is 2×3; it is transposed/],
    ['shape', ndarray(new Float32Array(12), [2, 2, 3]) as DepthMap, /it is a batch/],
    ['shape', ndarray(new Float32Array(12), [1, 2, 2, 3]) as DepthMap, /it has 2 channels: give the one/],
    ['shape', map([1, 2, 3, 4]), /do not resize/],
  ])('%s: told, not compared', (cause, actual, reason) => {
    const verdict = compare(map([1, 2, 3, 4, 5, 6], [2, 3]), actual)
    expect(verdict).toMatchObject({ type: 'incomparable', cause, pass: false })
    expect(verdict.reason).toMatch(reason)
  })

  test('zero comparisons fail, and say where the pixels went', () => {
    const verdict = compare(map([Number.NaN, -1, 200]), map([1, 1, 1]), { range: { max: 80 }, tolerance: {} })
    expect(verdict).toMatchObject({ type: 'incomparable', cause: 'nothing-valid' })
    expect(verdict.reason).toContain('of 3, 1 are not finite, 2 are outside [0, 80], 0 are masked')
    expect(compare(map([1, 2]), map([1, 2]), { mask: new Uint8Array(2) })).toMatchObject({
      cause: 'nothing-valid',
    })
  })

  test('a mask of another size is refused', () => {
    expect(compare(map([1, 2]), map([1, 2]), { mask: new Uint8Array(3) }).reason).toContain(
      'mask holds 3 values',
    )
  })
})

describe('a field of view', () => {
  const tolerance = { fovErrorDeg: 0.5 }
  test('is held in degrees', () => {
    expect(compare(60, 60.5, { tolerance }).pass).toBe(true)
    expect(compare(60, 60.6, { tolerance })).toMatchObject({ type: 'fov', pass: false })
    expect(compare(60, 60.6, { tolerance }).reason).toContain('60.6° instead of 60°')
  })
  test('that is not finite or not a number fails whatever the limits', () => {
    expect(compare(60, Number.NaN, { tolerance: {} }).pass).toBe(false)
    expect(compare(60, map([1]), { tolerance: {} })).toMatchObject({ cause: 'type' })
  })
})

test('strided views are compared as what they show', () => {
  const columns: DepthMap = ndarray(Float64Array.of(1, 4, 2, 5, 3, 6), [2, 3], [1, 2])
  expect(compare(map([1, 2, 3, 4, 5, 6], [2, 3]), columns, { tolerance: { maxAbs: 0 } }).pass).toBe(true)
})

test('the reason names every broken limit, the worst first, and how far off it is', () => {
  const { reason } = compare(map([1, 1]), map([1.5, 1.5]), {
    tolerance: { rmse: 0.25, absRel: 0.1, maxAbs: 1 },
  })
  expect(reason).toBe('absRel 0.5 is 5× its limit of 0.1; rmse 0.5 m is 2× its limit of 0.25 m')
})

test('a value that only just breaks its limit is not printed as equal to it', () => {
  const { reason } = compare(map([1]), map([1.100000001]), { tolerance: { absRel: 0.1 } })
  expect(reason).toMatch(/absRel 0\.10000000\d+ is .* its limit of 0\.1/)
})

test('defaults hold at each precision, under the config, under the call', () => {
  expect(toleranceFor('metric-depth', 'fp16', { rmse: 3 }, { rmse: '4%' })).toMatchObject({
    rmse: '4%',
    absRel: 1e-2,
  })
  expect(toleranceFor('fov', 'fp32')).toEqual({ fovErrorDeg: 0.05 })
  for (const precision of ['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8'] as const)
    expect(toleranceFor('metric-depth', precision)).toMatchObject({
      rmse: expect.anything(),
      absRel: expect.any(Number),
    })
})

test('figures a hair beyond their limit are told with as many digits as show it', () => {
  const off = (by: number, tolerance: object) =>
    compare(map([1, 1]), map([1 + by, 1 + by]), { tolerance }).reason
  expect(off(0.010001116140931049, { absRel: 0.01 })).toBe('absRel 0.010001 is 1.0001× its limit of 0.01')
  expect(off(0.0010001, { scale: 0.001 })).toBe('scale 1.0010001 is further from 1 than 0.001')
})
