import type { ByteSource } from '../base/bytes.ts'
import type { FloatArray } from './depth-map.ts'
import { halfWasm } from './half-wasm.ts'

// IEEE 754 binary16: 1 sign bit, 5 exponent bits (bias 15), 10 fraction bits. Node 20 has no Float16Array.

/** Words that are rounded together; they fit into a processor's caches. half.wat knows it too. */
export const partLength = 2 ** 16

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
 * float32 values as halves, rounded by vector instructions. Words that become infinite or are no number, and those that
 * become zero and were none, go to `rare`; so do their neighbours.
 */
export function halvesOf(values: Floats, rare: (word: number) => number): Uint16Array {
  const halves = new Uint16Array(values.byteLength / 4)
  eachPart(values, kernel.words, (words, start) => {
    for (const place of kernel.rare.subarray(0, kernel.round(words.length)))
      for (let i = place / 4; i < Math.min(place / 4 + 4, words.length); i++)
        kernel.halves[i] = rare(words[i]!)
    halves.set(kernel.halves.subarray(0, words.length), start)
  })
  return halves
}

/** What is used of it; TypeScript declares the rest with browsers only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object
  Instance: new (module: object) => { exports: unknown }
}

/** Rounds `words` to `halves`, and tells where words lie that it leaves to others; see half.wat. */
const kernel = (() => {
  const module = new WebAssembly.Module(Buffer.from(halfWasm, 'base64'))
  const { memory, round } = new WebAssembly.Instance(module).exports as {
    memory: { buffer: ArrayBuffer }
    round(count: number): number
  }
  return {
    round,
    words: new Int32Array(memory.buffer, 0, partLength),
    halves: new Uint16Array(memory.buffer, 4 * partLength, partLength),
    rare: new Int32Array(memory.buffer, 6 * partLength, partLength / 4),
  }
})()

/**
 * The words of float32 values, a part at a time, in memory that is used again: no copy of a large weight whose bytes lie
 * at an odd offset, or in a file. Words are signed, as V8 passes those to functions without making objects of them.
 */
export function eachPart(
  values: Floats,
  memory: Int32Array,
  use: (words: Int32Array, start: number) => void,
): void {
  const length = values.byteLength / 4
  const source = ArrayBuffer.isView(values) ? sourceOf(values) : values
  for (let at = 0; at < length; at += memory.length) {
    const words = memory.subarray(0, length - at)
    source.copy(new Uint8Array(words.buffer, words.byteOffset, words.byteLength), 4 * at)
    use(words, at)
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
