import { stripVTControlCharacters } from 'node:util'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import type { DepthMap } from '../../../src/depth/depth-map.ts'
import { encodeImage, parseImage } from '../../../src/depth/png.ts'
import { figure } from '../../../src/gate/figure.ts'
import { judge } from '../../../src/gate/judge.ts'
import type { MapVerdict, Verdict } from '../../../src/gate/verdict.ts'
import { Canvas, textWidth } from '../../../src/report/canvas.ts'
import { glyph, glyphHeight, glyphWidth } from '../../../src/report/font.ts'
import { verdictText } from '../../../src/report/phrase.ts'
import { comparisonPicture } from '../../../src/report/picture.ts'
import { table } from '../../../src/report/table.ts'

const map = (values: number[], shape: [number, number]): DepthMap => ndarray(Float64Array.from(values), shape)

test.each([
  [0, '0'],
  [1, '1'],
  [0.12345, '0.1235'],
  [12345.6, '12346'],
  [0.00012, '1.20e-4'],
  [123456, '1.23e+5'],
  [-2.5, '-2.5'],
  [Number.NaN, 'NaN'],
  [Number.POSITIVE_INFINITY, '∞'],
  [Number.NEGATIVE_INFINITY, '−∞'],
  [1e-300, '1.00e-300'],
])('the figure %d is written %s', (value, text) => expect(figure(value)).toBe(text))

test('columns line up by what is visible, colour codes take no room', () => {
  expect(
    table(
      [
        ['a', '1'],
        ['\u001b[31mbbb\u001b[39m', '100'],
      ],
      ['left', 'right'],
    ),
  ).toEqual(['a      1', '\u001b[31mbbb\u001b[39m  100'])
})

describe('the font', () => {
  test.each([...'0123456789abcdefghijklmnopqrstuvwxyz .,:-−+/%()_×=°∞?'])('draws %j', character => {
    const pixels = glyph(character)
    expect(pixels).toHaveLength(glyphWidth * glyphHeight)
    expect(pixels.some(Boolean)).toBe(character !== ' ')
  })
  test('has no two characters alike, but for the two minus signs', () => {
    const drawn = [...'0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.,:-+/%()_×=°∞?'].map(character =>
      glyph(character).map(Number).join(''),
    )
    expect(new Set(drawn).size).toBe(drawn.length)
  })

  test('a letter with marks is drawn without them', () => {
    for (const [marked, plain] of ['üu', 'Éé', 'ñn'].map(pair => [...pair]))
      expect(glyph(marked!)).toBe(glyph(plain!))
  })
})

test('a canvas clips at its borders', () => {
  const canvas = new Canvas(2, 3, [0, 0, 0])
  canvas.fill(-5, 1, 6, 9, [1, 2, 3])
  expect([...canvas.image.data]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0, 0, 0, 0, 0, 0])
})

describe('the picture of a comparison', () => {
  const golden = map(
    Array.from({ length: 64 }, (_, i) => 1 + i),
    [8, 8],
  )
  const actual = map(
    [...golden.data].map((value, i) => (i === 27 ? value * 1.5 : value)),
    [8, 8],
  )
  const verdict = judge({
    output: 'depth',
    kind: 'metric-depth',
    golden,
    actual,
    tolerance: { maxRel: 0.1 },
  }) as MapVerdict

  test('shows three panels of one size; golden and engine in one scale; red where the engine is farther', () => {
    const picture = parseImage(encodeImage(comparisonPicture('a/b', golden, actual, verdict)), 'picture')
    const [zoom, gap, top] = [32, 8, 8 + 2 * 15]
    const at = (panel: number, x: number, y: number) => {
      const [row, column] = [top + y * zoom + 16, 8 + panel * (8 * zoom + gap) + x * zoom + 16]
      return [0, 1, 2].map(channel => picture.get(row, column, channel))
    }
    expect(picture.shape[1]).toBe(3 * 8 * zoom + 4 * gap)
    expect(at(0, 5, 5)).toEqual(at(1, 5, 5))
    expect(at(0, 3, 3)).not.toEqual(at(1, 3, 3))
    expect(at(2, 5, 5)).toEqual([255, 255, 255])
    const [red, , blue] = at(2, 3, 3)
    expect(red!).toBeGreaterThan(blue!)
  })

  test('is wide enough for its words on the smallest map', () => {
    const one = map([2], [1, 1])
    const small = judge({
      output: 'depth',
      kind: 'metric-depth',
      golden: one,
      actual: one,
      tolerance: { absRel: 1 },
    }) as MapVerdict
    const title = 'a-model-with-a-long-name/a-scene-with-a-long-name depth fp32'.repeat(3)
    expect(comparisonPicture(title, one, one, small).shape[1]).toBeGreaterThan(textWidth(title, 1))
  })

  test.each([
    [300, 1],
    [1, 300],
    [3000, 2],
    [1600, 1600],
  ])('of %d×%d pixels is neither tiny nor huge', (height, width) => {
    const one = map(new Array(height * width).fill(2), [height, width])
    const made = judge({
      output: 'depth',
      kind: 'metric-depth',
      golden: one,
      actual: one,
      tolerance: { absRel: 1 },
    }) as MapVerdict
    const [rows = 0, columns = 0] = comparisonPicture('m/s', one, one, made).shape
    expect(Math.max(rows, columns)).toBeLessThan(3 * 768 + 200)
    expect(columns).toBeGreaterThan(300)
  })

  test('keeps the worst pixel in the error panel, also of a map that is thinned out', () => {
    const flat = new Array(1600 * 1600).fill(2)
    const off = [...flat]
    off[1599 * 1600 + 1598] = 4
    const [truth, engine] = [map(flat, [1600, 1600]), map(off, [1600, 1600])]
    const made = judge({
      output: 'depth',
      kind: 'metric-depth',
      golden: truth,
      actual: engine,
      tolerance: { maxRel: 0.1 },
    }) as MapVerdict
    const picture = comparisonPicture('m/s', truth, engine, made)
    const colours = new Set<string>()
    for (let y = 0; y < picture.shape[0]!; y++)
      for (let x = Math.round(picture.shape[1]! * 0.66); x < picture.shape[1]!; x++)
        colours.add([0, 1, 2].map(c => picture.get(y, x, c)).join())
    // beside white paper, ink and the legend's colours, the deepest red stands inside the panel's last corner
    const [bottom, right] = [picture.shape[0]! - 3 * 15 - 8 - 2, picture.shape[1]! - 16]
    expect([...colours].length).toBeGreaterThan(10)
    expect(picture.get(bottom, right, 0) + picture.get(bottom, right, 2)).toBeLessThan(512)
  })
})

test('a verdict in words: what broke, by what factor, where, notes', () => {
  const golden = map([1, 2, 3, 4], [2, 2])
  const actual = map([1, 2, 3, 8], [2, 2])
  const output = judge({
    output: 'depth',
    kind: 'metric-depth',
    golden,
    actual,
    tolerance: { maxRel: 0.5, delta1: 0.9 },
  })
  const verdict: Verdict = {
    model: 'm',
    scene: 's',
    precision: 'fp16',
    pass: false,
    reason: '',
    outputs: [output],
    notes: ['a thing to know'],
  }
  const evidence = { depth: { picture: 'p.png', command: 'npx depthgate compare a.npy g.npy' } }
  expect(`\n${stripVTControlCharacters(verdictText(verdict, evidence))}\n`).toMatchInlineSnapshot(`
    "
    m/s at fp16 does not match its golden

    ✗  depth  delta1 0.75 is below its limit of 0.9; maxRel 1 is 2× its limit of 0.5

    depth (m)
    ✗  delta1  0.75  ≥ 0.9  2.5× the limit
    ✗  maxRel     1  ≤ 0.5  2× the limit
    worst pixel x 1, y 1: golden 4 m, engine 8 m (+100 %)
      golden  1  2    engine  1  2
              3  4            3  8
    4 of 4 pixels compared
    picture:     p.png
    look closer: npx depthgate compare a.npy g.npy

    note: a thing to know
    "
  `)
})
