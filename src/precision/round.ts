import { eachPart, type Floats, halfOf, halfToFloat, halvesOf, partLength } from '../depth/half.ts'

/** Number formats that tensors can be rounded to on a CPU. */
export const roundedFormats = ['fp16', 'bf16'] as const
export type RoundedFormat = (typeof roundedFormats)[number]

/** Values in a reduced format, with what the format could not hold. */
export interface Rounded {
  values: Float32Array
  /** Finite values beyond the format's largest, set to it: a weight must not become infinite. */
  clamped: number
  /** Values too small for the format, that rounding makes zero. */
  flushed: number
}

/** Bit patterns of a reduced format, with what it could not hold. */
export interface Bits {
  bits: Uint16Array
  /** Finite values beyond the format's largest, set to it. */
  clamped: number
  /** Values too small for the format, that rounding makes zero. */
  flushed: number
}

/**
 * Rounds to nearest, ties to even; ±Inf, NaN and the sign of zero stay. Finite values beyond the format's largest become
 * it, values too small become zero, or without `flushTiny` the format's smallest.
 */
export function roundTo(format: RoundedFormat, values: Floats, { flushTiny = true } = {}): Rounded {
  const toBits = format === 'fp16' ? toHalfBits : toBfloat16Bits
  const { bits, clamped, flushed } = toBits(values, { flushTiny })
  return { values: format === 'fp16' ? halfToFloat(bits) : bfloat16ToFloat(bits), clamped, flushed }
}

/**
 * float16 bit patterns, rounded to nearest, ties to even. ±Inf, NaN and ±0 stay. Finite values from 65520 on become
 * ±65504; others than zero up to 2^-25 become ±2^-24, or ±0 with `flushTiny`: a weight that someone divides by must not
 * become zero.
 */
export function toHalfBits(values: Floats, { flushTiny = false } = {}): Bits {
  let clamped = 0
  let flushed = 0
  const bits = halvesOf(values, word => {
    if (word << 1 === 0) return word >>> 16
    const half = halfOf(word)
    if ((half & 0x7fff) === 0) {
      flushed++
      return flushTiny ? half : half | 1
    }
    if ((half & 0x7fff) === 0x7c00 && (word & 0x7fffffff) !== 0x7f800000) {
      clamped++
      return half - 1
    }
    return half
  })
  return { bits, clamped, flushed }
}

/**
 * bfloat16 bit patterns, rounded to nearest, ties to even. ±Inf, NaN and ±0 stay. Finite values that would round to
 * infinity become the largest, ±3.39e38; others than zero up to 2^-134 become ±2^-133, or ±0 with `flushTiny`.
 */
export function toBfloat16Bits(values: Floats, { flushTiny = false } = {}): Bits {
  const bits = new Uint16Array(values.byteLength / 4)
  let clamped = 0
  let flushed = 0
  eachPart(values, new Int32Array(partLength), (words, start) => {
    const part = bits.subarray(start)
    for (let i = 0; i < words.length; i++) {
      const word = words[i]!
      const magnitude = word & 0x7fffffff
      // bfloat16 is the upper half of a float32: half of the last kept bit is added, for a tie only where that makes it even
      let upper = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16
      // one comparison for what does not round to a number or rounds to zero
      if ((magnitude - 0x8001) >>> 0 >= 0x7f7f8000 - 0x8001) {
        // a NaN whose payload lies in the lower half would be cut to infinity
        if (magnitude > 0x7f800000) upper = (word >>> 16) | 0x40
        else if (magnitude >= 0x7f7f8000 && magnitude < 0x7f800000) {
          clamped++
          upper--
        } else if (magnitude > 0 && magnitude <= 0x8000) {
          flushed++
          if (!flushTiny) upper |= 1
        }
      }
      part[i] = upper
    }
  })
  return { bits, clamped, flushed }
}

function bfloat16ToFloat(bits: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(bits, upper => upper << 16).buffer)
}
