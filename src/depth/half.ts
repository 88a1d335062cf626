import type { ByteSource } from '../base/bytes.ts'
import type { FloatArray } from './depth-map.ts'

// IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. Node 20 has no Float16Array.

/** Words that are rounded together; they fit into a processor's caches. */
const partLength = 2 ** 16

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
 * Floats as float16 bit patterns, rounded once, to nearest, ties to even: a float64 as well, though a value just beside a
 * tie of halves may have the tie as its nearest float32. From 65520 on the result is infinite, up to 2^-25 it is a zero
 * of the same sign. A NaN keeps the payload bits that fit.
 */
export function floatToHalf(values: FloatArray): Uint16Array {
  if (values.BYTES_PER_ELEMENT === 4) return halvesOf(values as Float32Array, halfOf)
  const halves = new Uint16Array(values.length)
  const float = new Float32Array(1)
  const word = new Int32Array(float.buffer)
  for (let i = 0; i < halves.length; i++) {
    const value = values[i]!
    float[0] = value
    // inexact: cut instead, with "there was more" in the last bit, which lies far under the half's rounding bit
    if (float[0] !== value && !Number.isNaN(value))
      word[0] = (Math.abs(float[0]) > Math.abs(value) ? word[0]! - 1 : word[0]!) | 1
    halves[i] = halfOf(word[0]!)
  }
  return halves
}

/** float32 values in memory, their bytes at any offset, or their bytes in a file. */
export type Floats = Float32Array | Uint8Array | ByteSource

/**
 * float32 values as halves. Words whose result is a normal half, nearly all that networks
 * hold, are rounded here; all others go to `otherwise`: zeros, results that are subnormal or infinite, NaN.
 */
export function halvesOf(values: Floats, otherwise: (word: number) => number): Uint16Array {
  const halves = new Uint16Array(values.byteLength / 4)
  eachPart(values, (words, start) => roundWords(words, halves.subarray(start), otherwise))
  return halves
}

function roundWords(words: Int32Array, halves: Uint16Array, otherwise: (word: number) => number): void {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!
    const magnitude = word & 0x7fffffff
    halves[i] =
      // from 2^-14 up to 65520, by one comparison
      (magnitude - 0x38800000) >>> 0 < 0x0efff000
        ? ((word >>> 16) & 0x8000) | rounded(magnitude - 0x38000000, 13)
        : otherwise(word)
  }
}

/**
 * The words of float32 values, a part at a time in one small piece of memory: no copy of a large weight whose bytes lie at
 * an odd offset, or in a file. Words are signed, as V8 passes those to functions without making objects of them.
 */
export function eachPart(values: Floats, use: (words: Int32Array, start: number) => void): void {
  const length = values.byteLength / 4
  const words = new Int32Array(Math.min(length, partLength))
  const source = ArrayBuffer.isView(values) ? sourceOf(values) : values
  for (let at = 0; at < length; at += partLength) {
    const part = words.subarray(0, length - at)
    source.copy(new Uint8Array(part.buffer, 0, part.byteLength), 4 * at)
    use(part, at)
  }
}

function sourceOf({ buffer, byteOffset, byteLength }: ArrayBufferView): ByteSource {
  const bytes = new Uint8Array(buffer, byteOffset, byteLength)
  return { byteLength, copy: (into, at) => into.set(bytes.subarray(at, at + into.length)) }
}

/** Any float32 word as a half. */
export function halfOf(word: number): number {
  const sign = (word >>> 16) & 0x8000
  const magnitude = word & 0x7fffffff
  if (magnitude > 0x7f800000) return sign | 0x7c00 | ((magnitude >>> 13) & 0x3ff || 0x200)
  if (magnitude >= 0x477ff000) return sign | 0x7c00
  // 112 less in the exponent; a carry out of the fraction goes into it, as it should
  if (magnitude >= 0x38800000) return sign | rounded(magnitude - 0x38000000, 13)
  if (magnitude <= 0x33000000) return sign
  // a subnormal half has a fixed step of 2^-24, so it loses one bit more for every power below 2^-14
  return sign | rounded((magnitude & 0x7fffff) | 0x800000, 126 - (magnitude >>> 23))
}

/** Drops the last bits: just less than half of the last kept bit is added, and where it is odd so much that a tie carries. */
function rounded(bits: number, drop: number): number {
  return (bits + (1 << (drop - 1)) - 1 + ((bits >>> drop) & 1)) >>> drop
}
