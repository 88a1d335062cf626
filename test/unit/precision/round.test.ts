import { describe, expect, test } from 'vitest'
import { sha256 } from '../../../src/base/files.ts'
import { floatToHalf, halfToFloat } from '../../../src/depth/half.ts'
import { toBfloat16Bits, toHalfBits } from '../../../src/precision/round.ts'

/**
 * Words, the midpoints between neighbours and one float32 step to either side of each, of both signs: all places where a
 * rounding can turn.
 */
function turns(words: Uint32Array, midpoints: Uint32Array): Float32Array {
  const around = [...words, ...midpoints].flatMap(word => [word - 1, word, word + 1])
  const positive = around.filter(word => word >= 0 && word < 0x7f800000)
  return new Float32Array(Uint32Array.from([...positive, ...positive.map(word => word + 2 ** 31)]).buffer)
}

const halves = halfToFloat(Uint16Array.from({ length: 0x7c00 }, (_, i) => i))
const halfTurns = turns(
  wordsOf(halves),
  wordsOf(halves.map((value, i) => (value + (halves[i + 1] ?? 65536)) / 2)),
)
const uppers = Uint32Array.from({ length: 0x7f80 }, (_, i) => i << 16)
const bfloat16Turns = turns(
  uppers,
  uppers.map(word => word + 0x8000),
)

function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer)
}
function hashOf(bits: Uint16Array): string {
  return sha256(new Uint8Array(bits.buffer))
}
const float = (word: number) => new Float32Array(Uint32Array.of(word).buffer)[0]!

describe('float16 bits', () => {
  // numpy 2.4.6: values.astype(float16).view(uint16)
  const numpy = 'c3a1ed3cefb8689aba2e77acb7b866c0655075651b9661d2298cd59420ef7fa7'
  test('are those of NumPy at all 380926 turns', () => {
    expect(halfTurns.length).toBe(380926)
    expect(hashOf(floatToHalf(halfTurns))).toBe(numpy)
  })
  test('are those of NumPy but for infinity, and for zero unless asked', () => {
    const tiny = toHalfBits(halfTurns, { flushTiny: true })
    expect({ ...tiny, bits: 0 }).toEqual({ bits: 0, clamped: 4, flushed: 6 })
    expect(hashOf(tiny.bits.map((bits, i) => (Math.abs(halfTurns[i]!) >= 65520 ? bits + 1 : bits)))).toBe(
      numpy,
    )
    const kept = toHalfBits(halfTurns)
    expect({ ...kept, bits: 0 }).toEqual({ bits: 0, clamped: 4, flushed: 6 })
    const differ = [...kept.bits.keys()].filter(i => kept.bits[i] !== tiny.bits[i])
    expect(differ.map(i => [halfTurns[i], kept.bits[i]])).toEqual(
      [1, -1].flatMap(sign =>
        [float(1), float(0x32ffffff), 2 ** -25].map(value => [sign * value, sign < 0 ? 0x8001 : 1]),
      ),
    )
  })
})

describe('bfloat16 bits', () => {
  // ml_dtypes 0.6.0: values.astype(bfloat16).view(uint16)
  const numpy = '13f380375ea53de33e5b064e1fd91b351b9532b73fd33a7b6645d438fe532049'
  test('are those of ml_dtypes but for infinity, and for zero unless asked', () => {
    expect(bfloat16Turns.length).toBe(391678)
    const tiny = toBfloat16Bits(bfloat16Turns, { flushTiny: true })
    expect({ ...tiny, bits: 0 }).toEqual({ bits: 0, clamped: 4, flushed: 6 })
    const infinite = float(0x7f7f8000)
    expect(
      hashOf(tiny.bits.map((bits, i) => (Math.abs(bfloat16Turns[i]!) >= infinite ? bits + 1 : bits))),
    ).toBe(numpy)
    const kept = toBfloat16Bits(bfloat16Turns)
    expect({ ...kept, bits: 0 }).toEqual({ bits: 0, clamped: 4, flushed: 6 })
    const differ = [...kept.bits.keys()].filter(i => kept.bits[i] !== tiny.bits[i])
    expect(differ.map(i => [bfloat16Turns[i], kept.bits[i]])).toEqual(
      [1, -1].flatMap(sign => [1, 0x7fff, 0x8000].map(word => [sign * float(word), sign < 0 ? 0x8001 : 1])),
    )
  })
})

describe.each([
  ['float16', toHalfBits, 0x7c00],
  ['bfloat16', toBfloat16Bits, 0x7f80],
] as const)('%s bits', (_, toBits, infinity) => {
  test('keep ±Inf, NaN of any payload and the sign of zero, and count none of them', () => {
    const special = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0)
    expect(toBits(special)).toEqual({
      bits: Uint16Array.of(infinity, infinity | 0x8000, 0, 0x8000),
      clamped: 0,
      flushed: 0,
    })
    const nan = toBits(
      new Float32Array(Uint32Array.of(0x7f800001, 0xff800001, 0x7fc00000, 0xffffffff).buffer),
    )
    expect([...nan.bits].map(bits => (bits & 0x7fff) > infinity)).toEqual([true, true, true, true])
    expect({ ...nan, bits: 0 }).toEqual({ bits: 0, clamped: 0, flushed: 0 })
  })
  test('are taken from a view at its own offset', () => {
    expect(toBits(Float32Array.of(1, 2, 1e39, -1e-46, 3).subarray(1, 3)).bits).toEqual(
      toBits(Float32Array.of(2, 1e39)).bits,
    )
  })
})
