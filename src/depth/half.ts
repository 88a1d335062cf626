import type { FloatArray } from './depth-map.ts'

// IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. Node 20 has no Float16Array.

/** float16 bit patterns as float32. Every half is a float32, so this is exact; a NaN keeps its sign and payload. */
export function halfToFloat(bits: Uint16Array): Float32Array {
  const floats = new Float32Array(bits.length)
  // written as integers: assigning a signalling NaN as a number may quiet it
  const words = new Uint32Array(floats.buffer)
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i]!
    const sign = (half & 0x8000) << 16
    const exponent = (half >> 10) & 31
    const fraction = half & 0x3ff
    if (exponent === 31) words[i] = sign | 0x7f800000 | (fraction << 13)
    else if (exponent > 0) words[i] = sign | ((exponent + 112) << 23) | (fraction << 13)
    // subnormal: a multiple of 2^-24, which float32 holds as a normal number
    else floats[i] = (sign < 0 ? -1 : 1) * fraction * 2 ** -24
  }
  return floats
}

/**
 * Floats as float16 bit patterns, rounded once, to nearest, ties to even. A float64 goes straight to half: by way
 * of float32 it would be rounded twice, and a value just beside a tie would land on the wrong side of it.
 * From 65520 on the result is infinite, up to 2^-25 it is a zero of the same sign. A float32 NaN keeps the
 * payload bits that fit; a float64 NaN becomes the quiet NaN 0x7e00 of the same sign.
 */
export function floatToHalf(values: FloatArray): Uint16Array {
  const halves = new Uint16Array(values.length)
  if (values.BYTES_PER_ELEMENT === 4) {
    const words = new Uint32Array(values.buffer, values.byteOffset, values.length)
    for (let i = 0; i < halves.length; i++) {
      const word = words[i]!
      const sign = (word >>> 16) & 0x8000
      const exponent = (word >>> 23) & 255
      const fraction = word & 0x7fffff
      halves[i] =
        sign |
        (exponent === 255
          ? special(fraction === 0, fraction >> 13)
          : round(exponent - 127, fraction | (1 << 23), 23))
    }
    return halves
  }
  const one = new Float64Array(1)
  const [low, high] = wordsOf(one)
  for (let i = 0; i < halves.length; i++) {
    one[0] = values[i]!
    const top = high[0]!
    const sign = (top >>> 16) & 0x8000
    const exponent = (top >>> 20) & 0x7ff
    // 20 fraction bits, with "anything below?" in the last: it lies far under the half's rounding bit
    const fraction = (top & 0xfffff) | (low[0] === 0 ? 0 : 1)
    halves[i] =
      sign |
      (exponent === 0x7ff ? special(fraction === 0, 0) : round(exponent - 1023, fraction | (1 << 20), 20))
  }
  return halves
}

/** The low and the high word of a float64, wherever this machine keeps them. */
function wordsOf(one: Float64Array): [low: Uint32Array, high: Uint32Array] {
  const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1
  const word = (index: number) => new Uint32Array(one.buffer, index * 4, 1)
  return littleEndian ? [word(0), word(1)] : [word(1), word(0)]
}

/** Infinity, or a NaN with the payload's upper ten bits; a payload without any of them becomes the quiet NaN. */
function special(infinite: boolean, payload: number): number {
  return infinite ? 0x7c00 : 0x7c00 | (payload === 0 ? 0x200 : payload)
}

/** significand · 2^(exponent − bits), its leading one at bit `bits`, as the bits of a half without the sign. */
function round(exponent: number, significand: number, bits: number): number {
  if (exponent > 15) return 0x7c00
  if (exponent < -25) return 0
  const subnormal = exponent < -14
  // bits to drop: a subnormal half has a fixed step of 2^-24, so it loses one more for every power below 2^-14
  const drop = bits - 10 + (subnormal ? -14 - exponent : 0)
  const kept = significand >>> drop
  const rest = significand & ((1 << drop) - 1)
  const tie = 1 << (drop - 1)
  const rounded = rest > tie || (rest === tie && (kept & 1) === 1) ? kept + 1 : kept
  // the leading one adds 1 to the exponent field, and so does a carry out of the fraction: up to infinity
  return subnormal ? rounded : ((exponent + 14) << 10) + rounded
}
