import { describe, expect, test } from 'vitest'
import { type Resemblance, resemblance } from '../../../src/metrics/index.ts'

const [width, height] = [40, 30]
type At = (x: number, y: number) => number

/** A floor that recedes, a box on it, and waves: like no map of itself turned or moved. */
const scene: At = (x, y) =>
  2 +
  (height - y) / 5 +
  Math.sin(x / 3) / 2 +
  Math.cos((x + 2 * y) / 7) / 3 -
  (x > 8 && x < 15 && y > 12 ? 1.5 : 0)

const map = (at: At, w = width, h = height) =>
  Float32Array.from({ length: w * h }, (_, i) => at(i % w, Math.floor(i / w)))

function seen(actual: At, more: { min?: number; mask?: Uint8Array } = {}, golden = scene) {
  return resemblance({ golden: map(golden), actual: map(actual), width, height, ...more })
}

/** Some noise, so that nothing is exact. */
const noise: At = (x, y) => 1 + 1e-4 * Math.sin(12.9898 * x + 78.233 * y)

describe('a mistake is recognised', () => {
  const told = (found: Resemblance | undefined) => {
    const { absRel = Number.NaN, before = Number.NaN, ...mistake } = found ?? {}
    expect(absRel).toBeLessThan(1e-3)
    expect(before).toBeGreaterThan(absRel)
    return mistake
  }

  test.each<[string, At]>([
    ['mirrored left to right', (x, y) => scene(width - 1 - x, y)],
    ['upside down', (x, y) => scene(x, height - 1 - y)],
    ['rotated by 180°', (x, y) => scene(width - 1 - x, height - 1 - y)],
  ])('%s', (how, actual) => {
    expect(told(seen((x, y) => actual(x, y) * noise(x, y)))).toEqual({ type: 'turned', how })
  })

  test.each<[string, At]>([
    ['transposed', (x, y) => scene(y, x)],
    ['rotated by 90° clockwise', (x, y) => scene(y, 29 - x)],
    ['rotated by 90° counterclockwise', (x, y) => scene(29 - y, x)],
  ])('%s, of a square', (how, actual) => {
    const side = { width: 30, height: 30 }
    const pair = { golden: map(scene, 30, 30), actual: map(actual, 30, 30), ...side }
    expect(told(resemblance(pair))).toEqual({ type: 'turned', how })
  })

  test('millimetres in the place of metres', () => {
    const found = told(seen((x, y) => 1000 * scene(x, y) * noise(x, y)))
    expect(found).toEqual({ type: 'scaled', factor: expect.closeTo(1000, 0) })
  })

  test('another scale and shift, near and far swapped', () => {
    const found = told(seen((x, y) => 9 - 0.7 * scene(x, y) * noise(x, y)))
    expect(found).toEqual({ type: 'linear', factor: expect.closeTo(-0.7, 3), offset: expect.closeTo(9, 2) })
  })

  test('inverse depth in the place of depth', () => {
    const found = told(seen((x, y) => (noise(x, y) * 1) / scene(x, y)))
    expect(found).toEqual({ type: 'reciprocal', factor: expect.closeTo(1, 3) })
  })

  test('moved by pixels: what has come in at the border is left out', () => {
    const found = told(seen((x, y) => (x < 3 ? 0 : scene(x - 3, y + 2) * noise(x, y))))
    expect(found).toEqual({ type: 'moved', right: 3, down: -2 })
  })
})

test('the errors told are of every pixel of a large map', () => {
  const [w, h] = [400, 300]
  // one pixel far off, where no step of the search falls
  const actual = map((x, y) => scene((w - 1 - x) / 10, y / 10) * (x === 201 && y === 151 ? 50 : 1), w, h)
  const found = resemblance({
    golden: map((x, y) => scene(x / 10, y / 10), w, h),
    ...{ actual, width: w, height: h },
  })
  expect(found).toMatchObject({ type: 'turned', how: 'mirrored left to right' })
  expect(found!.absRel).toBeCloseTo(49 / (w * h), 5)
})

test('pixels that are NaN are left out of what is sought', () => {
  const actual: At = (x, y) => (x < 10 ? Number.NaN : 9 - 0.7 * scene(x, y))
  const factor = expect.closeTo(-0.7, 5)
  expect(seen(actual)).toMatchObject({ type: 'linear', factor, offset: expect.closeTo(9, 5) })
})

describe('nothing is told', () => {
  test('of a large map where one pixel is infinite, also where the search does not come by', () => {
    const [w, h] = [400, 300]
    const golden = map((x, y) => scene(x / 10, y / 10), w, h)
    const actual = map((x, y) => (x === 201 && y === 151 ? Infinity : 2 * scene(x / 10, y / 10)), w, h)
    expect(resemblance({ golden, actual, width: w, height: h })).toBeUndefined()
  })

  test('of so few pixels that any are some of the others times a factor', () => {
    const few = Uint8Array.from({ length: width * height }, (_, i) => (i < 63 ? 1 : 0))
    const twice: At = (x, y) => 2 * scene(x, y)
    expect(seen(twice, { mask: few })).toBeUndefined()
    few[63] = 1
    expect(seen(twice, { mask: few })).toMatchObject({ type: 'scaled' })
  })

  test('of maps that agree', () => {
    expect(seen(scene)).toBeUndefined()
  })

  test('where a mistake leaves a fifth of the error', () => {
    const actual: At = (x, y) => 1.1 * scene(x, y) * (1 + 0.02 * Math.sin(12.9898 * x + 78.233 * y))
    expect(seen(actual)).toBeUndefined()
  })

  test('of noise, of a constant, of NaN', () => {
    expect(seen((x, y) => scene(x, y) * (1 + 0.3 * Math.sin(12.9898 * x + 78.233 * y)))).toBeUndefined()
    expect(seen(() => 0)).toBeUndefined()
    expect(seen(() => 3)).toBeUndefined()
    expect(seen(() => Number.NaN)).toBeUndefined()
  })

  test('where nothing is compared', () => {
    expect(seen((x, y) => 2 * scene(x, y), { min: 1e6 })).toBeUndefined()
    expect(seen((x, y) => 2 * scene(x, y), { mask: new Uint8Array(width * height) })).toBeUndefined()
  })
})

test('only pixels that are compared count', () => {
  const mask = Uint8Array.from({ length: width * height }, (_, i) => (i % width < 20 ? 1 : 0))
  const actual: At = (x, y) => (x < 20 ? 2 * scene(x, y) : 77)
  expect(seen(actual)).toBeUndefined()
  expect(seen(actual, { mask })).toMatchObject({ type: 'scaled', factor: expect.closeTo(2, 6) })
})
