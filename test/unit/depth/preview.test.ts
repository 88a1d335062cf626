import ndarray from 'ndarray'
import { expect, test } from 'vitest'
import { colormap } from '../../../src/depth/colormap.ts'
import { depthMap, type FloatArray } from '../../../src/depth/depth-map.ts'
import { preview, previewLimits } from '../../../src/depth/preview.ts'

const magenta = 'magenta'

/** The last entries of the map with each colour; its two ends repeat some. */
const entryOf = new Map<string, number>()
for (let entry = 0; entry < 256; entry++)
  entryOf.set(
    colormap('turbo')
      .subarray(entry * 3, entry * 3 + 3)
      .join(),
    entry,
  )

/** The entries of the colour map that a 1×N map is painted with. */
function entries(values: FloatArray, kind: 'depth' | 'inverse'): (number | string | undefined)[] {
  const { data } = preview(depthMap(values, 1, values.length), kind)
  return Array.from({ length: values.length }, (_, i) => {
    const colour = data.subarray(i * 3, i * 3 + 3).join()
    return colour === '255,0,255' ? magenta : entryOf.get(colour)
  })
}

test('near is warm and far is cold, spread over inverse depth between the 2nd and the 98th percentile', () => {
  expect(previewLimits(depthMap(Float64Array.of(1, 0.5, 0), 1, 3), 'inverse')).toEqual([0.51, 0.99])
  const limits = previewLimits(depthMap(Float64Array.of(1, 1 / 0.7, 5), 1, 3), 'depth')
  expect(limits[0]).toBeCloseTo(0.2 + 0.04 * 0.5, 12)
  expect(limits[1]).toBeCloseTo(1 - 0.04 * 0.3, 12)
  const middle = Math.round((255 * (0.7 - 0.22)) / (0.988 - 0.22))
  expect(entries(Float64Array.of(1, 1 / 0.7, 5), 'depth')).toEqual([255, middle, 0])
  expect(entries(Float64Array.of(1, 0.7, 0.2), 'inverse')).toEqual([255, middle, 0])
})

test('maps that share limits share colours', () => {
  const golden = depthMap(Float32Array.of(1, 2, 4), 1, 3)
  const actual = depthMap(Float32Array.of(4, 4, 4), 1, 3)
  const limits = previewLimits(golden, 'depth')
  const far = preview(golden, 'depth', limits).data.subarray(6)
  expect([...preview(actual, 'depth', limits).data]).toEqual([...far, ...far, ...far])
})

test('a far background leaves the colours to what is near', () => {
  const values = Float32Array.from({ length: 100 }, (_, i) => (i < 50 ? 1 + i * 0.02 : 10_000))
  const near = entries(values, 'depth').slice(0, 50)
  expect(near[0]).toBe(255)
  expect(near[49]).toBeGreaterThan(110)
  expect(near[49]).toBeLessThan(140)
})

test('one wild pixel does not flatten the picture', () => {
  const values = Float64Array.from({ length: 101 }, (_, i) => 1 + i / 100)
  values[0] = 1e6
  expect(entries(values, 'inverse').slice(0, 5)).toEqual([255, 0, 0, 0, 3])
})

test('no depth is magenta; an inverse depth of zero is infinitely far', () => {
  const odd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0, -0]
  expect(entries(Float32Array.of(1, 2, ...odd), 'depth')).toEqual([
    255,
    0,
    ...[magenta, magenta, magenta, magenta, magenta, magenta],
  ])
  expect(entries(Float32Array.of(2, 1, ...odd), 'inverse')).toEqual([
    255,
    0,
    ...[magenta, magenta, magenta, magenta, 0, 0],
  ])
})

test('maps without any depth, and constant ones, have a picture too', () => {
  expect(entries(Float32Array.of(Number.NaN, Number.NaN), 'depth')).toEqual([magenta, magenta])
  expect(entries(Float32Array.of(0, 0), 'depth')).toEqual([magenta, magenta])
  expect(entries(Float32Array.of(0, -1), 'inverse')).toEqual([0, magenta])
  expect(entries(Float32Array.of(3, 3, 3), 'depth')).toEqual([128, 128, 128])
  expect(entries(Float32Array.of(3), 'inverse')).toEqual([128])
  expect(entries(Float64Array.of(5e-324, 1), 'depth')).toEqual([magenta, 128])
})

test('takes a strided view and keeps its shape', () => {
  const map = ndarray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
  const turned = preview(map.transpose(1, 0), 'depth')
  const straight = preview(map, 'depth')
  expect(turned.shape).toEqual([3, 2, 3])
  for (let y = 0; y < 2; y++)
    for (let x = 0; x < 3; x++)
      for (let c = 0; c < 3; c++) expect(turned.get(x, y, c)).toBe(straight.get(y, x, c))
})
