import ndarray from 'ndarray'
import { PNG } from 'pngjs'
import { describe, expect, test } from 'vitest'
import { colormap } from '../../../src/depth/colormap.ts'
import { type DepthMap, depthMap } from '../../../src/depth/depth-map.ts'
import { encodePalette } from '../../../src/depth/palette-png.ts'
import { parseImage } from '../../../src/depth/png.ts'
import { paintInput, pictureOfTensor, stepFor } from '../../../src/report/case-pictures.ts'
import { errorFigures } from '../../../src/report/error-figures.ts'
import { barLength } from '../../../src/report/html/charts.ts'
import { sides } from '../../../src/report/html/pictures.ts'
import { thumbnailSide } from '../../../src/report/html-report.ts'
import { paretoFront } from '../../../src/report/speed.ts'

describe('a PNG with a palette', () => {
  const values = Float32Array.of(0, 0.5, 1, Number.NaN, -9, 9, Number.POSITIVE_INFINITY, 0.25)
  const bytes = encodePalette(values, 2, 4, { map: 'turbo', from: 0, to: 1 })
  test('is valid, and holds the colours of the map; what is not finite is magenta', () => {
    const picture = parseImage(bytes, 'picture')
    const at = (i: number) => [0, 1, 2].map(channel => picture.get(i >> 2, i & 3, channel))
    const colour = (entry: number) => [...colormap('turbo').subarray(3 * entry, 3 * entry + 3)]
    expect(at(0)).toEqual(colour(1))
    expect(at(1)).toEqual(colour(128))
    expect(at(2)).toEqual(colour(255))
    expect(at(3)).toEqual([255, 0, 255])
    expect(at(4)).toEqual(at(0))
    expect(at(5)).toEqual(at(2))
    expect(at(6)).toEqual([255, 0, 255])
  })
  test('has colour type 3, and another reader agrees', () => {
    expect(bytes[25]).toBe(3)
    expect([...PNG.sync.read(Buffer.from(bytes)).data.subarray(12, 16)]).toEqual([255, 0, 255, 255])
  })
  test('of no pixels is refused', () => {
    expect(() => encodePalette(new Float32Array(0), 0, 4, { map: 'turbo', from: 0, to: 1 })).toThrow(
      /do not fill/,
    )
  })
})

describe('the distribution of errors', () => {
  const golden = (values: number[]): DepthMap => depthMap(Float64Array.from(values), 1, values.length)
  test('counts every golden pixel that is compared once', () => {
    const truth = golden([1, 1, 1, 1, 1, Number.NaN, -1, 0, 100, 1])
    const engine = golden([1, 1.1, 0.9, Number.NaN, 1e9, 1, 1, 1, 1, 1 + 5e-8])
    const figures = errorFigures(truth, engine, { max: 50 })
    expect(figures).toMatchObject({ compared: 6, nonFinite: 1, below: 2 })
    const sum = (bins: number[]) => bins.reduce((a, b) => a + b, 0)
    expect(sum(figures.under)).toBe(1)
    expect(sum(figures.over)).toBe(2)
    // 10 % lies in the first quarter of the decade from 10 % on, or by rounding just below it
    expect(figures.over[24]! + figures.over[23]!).toBe(1)
    // what is beyond the last bound is in the last bin
    expect(figures.over.at(-1)).toBe(1)
    expect(figures.worst[0]).toMatchObject({ x: 3, relative: Number.NaN })
    expect(figures.worst[1]).toMatchObject({ x: 4, golden: 1, actual: 1e9 })
  })
  test('names pixels that are apart', () => {
    const truth = depthMap(new Float32Array(64 * 64).fill(1), 64, 64)
    const engine = depthMap(Float32Array.from(truth.data), 64, 64)
    for (const [x, y, value] of [
      [10, 10, 5],
      [11, 10, 4],
      [50, 40, 3],
    ] as const)
      engine.set(y, x, value)
    expect(errorFigures(truth, engine).worst.map(({ x, y }) => [x, y])).toEqual([
      [10, 10],
      [50, 40],
    ])
  })
  test('is empty where nothing is compared', () => {
    expect(errorFigures(golden([Number.NaN]), golden([1]))).toMatchObject({ compared: 0, worst: [] })
  })
})

test('pictures get smaller the more there are, within bounds', () => {
  expect([1, 40, 100, 1e6].map(thumbnailSide)).toEqual([512, 500, 316, 96])
  expect(stepFor([1536, 1536], thumbnailSide(100))).toBe(5)
})

test('a photograph becomes JPEG, a small picture stays PNG; a tensor becomes a picture', () => {
  const noise = ndarray(
    Uint8Array.from({ length: 300 * 200 * 3 }, (_, i) => ((i * i * 7919) % 65521) % 256),
    [200, 300, 3],
  )
  const big = paintInput(noise, 512)
  expect(big.type).toBe('image/jpeg')
  expect([...big.bytes.subarray(0, 2)]).toEqual([0xff, 0xd8])
  const small = paintInput(noise, 30)
  expect(small.type).toBe('image/png')
  expect(parseImage(small.bytes, 'small').shape).toEqual([20, 30, 3])
  const tensor = ndarray(Float32Array.of(-1, 0, 1, 3, 5, 5, 5, 5, 0, 1, 2, 3), [1, 3, 2, 2])
  expect([...pictureOfTensor(tensor)!.data]).toEqual([0, 0, 0, 64, 0, 85, 128, 0, 170, 255, 0, 255])
  expect(pictureOfTensor(ndarray(new Float32Array(4), [4]))).toBeUndefined()
})

test('a value below the golden is nearer in a map of depths, farther in one of inverse depths', () => {
  const scale = { limits: [0, 1] as const, reach: 1 }
  expect(sides({ ...scale, kind: 'depth' })).toEqual({ under: 'nearer', over: 'farther' })
  expect(sides({ ...scale, kind: 'inverse' })).toEqual({ under: 'farther', over: 'nearer' })
})

test('a bar grows with the share of the limit and never leaves its place', () => {
  const lengths = [0, 0.5, 1, 1.5, 10, 1e6, Number.POSITIVE_INFINITY].map(barLength)
  expect(lengths).toEqual([...lengths].sort((a, b) => a - b))
  expect([lengths[0], lengths[2], lengths.at(-1)]).toEqual([0, 0.6, 1])
})

test('the Pareto front has what nothing beats in both', () => {
  const points = [
    { name: 'slow and bad', milliseconds: 9, error: 9 },
    { name: 'slow and good', milliseconds: 8, error: 1 },
    { name: 'fast and bad', milliseconds: 1, error: 8 },
    { name: 'as fast and worse', milliseconds: 1, error: 9 },
    { name: 'between', milliseconds: 4, error: 4 },
  ]
  expect(paretoFront(points).map(({ name }) => name)).toEqual(['fast and bad', 'between', 'slow and good'])
})
