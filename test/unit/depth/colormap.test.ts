import { expect, test } from 'vitest'
import { colormap, paint } from '../../../src/depth/colormap.ts'

const rgb = (name: 'turbo' | 'redBlue', entry: number) => [
  ...colormap(name).subarray(entry * 3, entry * 3 + 3),
]
const magenta = [255, 0, 255]

test('turbo runs from dark blue through green to dark red', () => {
  expect([0, 64, 128, 192, 255].map(entry => rgb('turbo', entry))).toMatchInlineSnapshot(`
    [
      [
        35,
        23,
        27,
      ],
      [
        38,
        189,
        225,
      ],
      [
        150,
        250,
        80,
      ],
      [
        255,
        128,
        29,
      ],
      [
        144,
        12,
        0,
      ],
    ]
  `)
})

test('redBlue is blue below, exactly white in the middle, red above', () => {
  expect(rgb('redBlue', 0)).toEqual([5, 48, 97])
  expect(rgb('redBlue', 128)).toEqual([255, 255, 255])
  expect(rgb('redBlue', 255)).toEqual([103, 0, 31])
  for (let entry = 40; entry < 128; entry++)
    expect(rgb('redBlue', entry)[2]).toBeGreaterThan(rgb('redBlue', entry)[0]!)
  for (let entry = 129; entry < 216; entry++)
    expect(rgb('redBlue', entry)[0]).toBeGreaterThan(rgb('redBlue', entry)[2]!)
})

test('a map has 256 colours, is made once, and holds no magenta', () => {
  for (const name of ['turbo', 'redBlue'] as const) {
    expect(colormap(name)).toHaveLength(768)
    expect(colormap(name)).toBe(colormap(name))
    for (let entry = 0; entry < 256; entry++) expect(rgb(name, entry)).not.toEqual(magenta)
  }
})

test('paints linearly between the limits and clamps outside them', () => {
  const image = paint(Float32Array.of(-5, 10, 12.5, 15, 20, 1e30), 2, 3, { map: 'turbo', from: 10, to: 20 })
  expect(image.shape).toEqual([2, 3, 3])
  expect([...image.data]).toEqual([0, 0, 64, 128, 255, 255].flatMap(entry => rgb('turbo', entry)))
})

test('zero is white where the limits are symmetric', () => {
  const image = paint(Float64Array.of(-0.3, 0, 0.3), 1, 3, { map: 'redBlue', from: -0.3, to: 0.3 })
  expect([...image.data]).toEqual([5, 48, 97, 255, 255, 255, 103, 0, 31])
})

test('limits the other way round turn the map round', () => {
  const image = paint(Float32Array.of(0, 1), 1, 2, { map: 'turbo', from: 1, to: 0 })
  expect([...image.data]).toEqual([...rgb('turbo', 255), ...rgb('turbo', 0)])
})

test('one limit twice splits below, at and above', () => {
  const image = paint(Float32Array.of(1, 2, 3), 1, 3, { map: 'turbo', from: 2, to: 2 })
  expect([...image.data]).toEqual([0, 128, 255].flatMap(entry => rgb('turbo', entry)))
})

test('what is no finite number is marked', () => {
  const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1)
  const limits = { map: 'turbo', from: 0, to: 1 } as const
  expect([...paint(values, 2, 2, limits).data]).toEqual([
    ...magenta,
    ...magenta,
    ...magenta,
    ...rgb('turbo', 255),
  ])
  const grey = paint(values, 2, 2, { ...limits, invalid: [9, 8, 7] })
  expect([...grey.data.subarray(0, 3)]).toEqual([9, 8, 7])
})

test('misuse is an error that says the way out', () => {
  const limits = { map: 'turbo', from: 0, to: 1 } as const
  expect(() => paint(new Float32Array(5), 2, 3, limits)).toThrow(
    'picture: 5 values do not fill 2×3. Pass its own shape',
  )
  expect(() => paint(new Float32Array(6), 2, 3, { ...limits, to: Number.NaN })).toThrow(
    'picture: cannot be painted from 0 to NaN. Pass finite limits',
  )
})
