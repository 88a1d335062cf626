import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import loadWabt from 'wabt'
import { floatToHalf, halfToFloat } from '../../../src/depth/half.ts'
import { halfWasm } from '../../../src/depth/half-wasm.ts'
import { repo } from '../../helpers/files.ts'

/** The definition, term by term: (−1)^s · 2^(e−15) · (1 + f/1024), and 2^−14 · f/1024 where e is 0. */
function slow(half: number): number {
  const text = half.toString(2).padStart(16, '0')
  const sign = text[0] === '1' ? -1 : 1
  const exponent = Number.parseInt(text.slice(1, 6), 2)
  const fraction = Number.parseInt(text.slice(6), 2)
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return exponent === 0
    ? (sign * 2 ** -14 * fraction) / 1024
    : sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}

const all = Uint16Array.from({ length: 65536 }, (_, i) => i)
const half32 = (...values: number[]) => [...floatToHalf(Float32Array.from(values))]
const half64 = (...values: number[]) => [...floatToHalf(Float64Array.from(values))]

describe('halfToFloat', () => {
  test('gives all 65536 patterns the value of the definition', () => {
    const floats = halfToFloat(all)
    const wrong = all.filter(half => !Object.is(floats[half], slow(half)))
    expect([...wrong]).toEqual([])
  })

  test('reads the halves of a view at its own offset', () => {
    expect([...halfToFloat(all.subarray(0x3c00, 0x3c02))]).toEqual([1, 1 + 1 / 1024])
  })
})

describe('floatToHalf', () => {
  test('brings all 65536 patterns back from float32, NaN payloads and all', () => {
    expect(floatToHalf(halfToFloat(all))).toEqual(all)
  })

  test('brings every number back from float64', () => {
    const numbers = all.filter(half => !Number.isNaN(slow(half)))
    expect(floatToHalf(Float64Array.from(numbers, slow))).toEqual(numbers)
  })

  test('rounds to the nearer of two neighbours, and a tie to the even one', () => {
    const wrong: number[] = []
    for (let half = 0; half < 0x7bff; half++) {
      const below = slow(half)
      const above = slow(half + 1)
      const tie = (below + above) / 2
      const even = half % 2 === 0 ? half : half + 1
      const under = tie - (above - below) / 1024
      const over = tie + (above - below) / 1024
      for (const halves of [half32(under, tie, over, -tie), half64(under, tie, over, -tie)])
        if (halves.join() !== [half, even, half + 1, even | 0x8000].join()) wrong.push(half)
    }
    expect(wrong).toEqual([])
  })

  test.each([
    ['65504, the largest', 65504, 0x7bff],
    ['the last number under the tie with infinity', 65519.99, 0x7bff],
    ['the tie with infinity', 65520, 0x7c00],
    ['1e30', 1e30, 0x7c00],
    ['infinity', Number.POSITIVE_INFINITY, 0x7c00],
    ['2^-24, the smallest', 2 ** -24, 0x0001],
    ['2^-25, a tie with zero', 2 ** -25, 0x0000],
    ['just above 2^-25', 2 ** -25 * 1.0001, 0x0001],
    ['2^-26', 2 ** -26, 0x0000],
    ['the smallest float32', 2 ** -149, 0x0000],
    ['zero', 0, 0x0000],
  ])('%s, of either sign', (_, value, half) => {
    expect(half32(value, -value)).toEqual([half, half | 0x8000])
    expect(half64(value, -value)).toEqual([half, half | 0x8000])
  })

  test('rounds a float64 once: beside a tie, float32 would land on it', () => {
    const tie = 1 + 1 / 2048
    expect(half64(tie, tie + 2 ** -40, tie + 1 / 1024, tie + 1 / 1024 - 2 ** -40)).toEqual([
      0x3c00, 0x3c01, 0x3c02, 0x3c01,
    ])
    expect(half64(2 ** -25 + 2 ** -70, 65520 - 2 ** -35)).toEqual([0x0001, 0x7bff])
    expect(half32(tie + 2 ** -40)).toEqual([0x3c00])
  })

  test('keeps NaN a NaN, even where the payload does not fit', () => {
    const payload = new Float32Array(Uint32Array.of(0x7f800001, 0xff800001).buffer)
    expect([...floatToHalf(payload)]).toEqual([0x7e00, 0xfe00])
    expect(half64(Number.NaN)[0]! & 0x7fff).toBe(0x7e00)
  })

  test('reads views at their own offset', () => {
    expect([...floatToHalf(Float32Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000])
    expect([...floatToHalf(Float64Array.of(9, 1, 2).subarray(1))]).toEqual([0x3c00, 0x4000])
  })
})

test('half-wasm.ts is made of half.wat', async () => {
  const wabt = await loadWabt()
  const text = readFileSync(join(repo, 'src/depth/half.wat'), 'utf8')
  const { buffer } = wabt.parseWat('half.wat', text, { simd: true }).toBinary({})
  expect(halfWasm, 'run node scripts/wasm.mjs').toBe(Buffer.from(buffer).toString('base64'))
})
