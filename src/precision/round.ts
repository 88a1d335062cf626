import { floatToHalf, halfToFloat } from '../depth/half.ts'

/** Number formats that tensors can be rounded to on a CPU. */
export const roundedFormats = ['fp16', 'bf16'] as const
export type RoundedFormat = (typeof roundedFormats)[number]

/** Values in a reduced format, with what the format could not hold. */
export interface Rounded {
  values: Float32Array
  /** Finite values beyond the format's largest, set to it: a weight must not become infinite. */
  clamped: number
  /** Values that became zero. */
  flushed: number
}

const largest: Record<RoundedFormat, number> = { fp16: 65504, bf16: 3.3895313892515355e38 }

/** Rounds to nearest, ties to even; ±Inf, NaN and the sign of zero stay. */
export function roundTo(format: RoundedFormat, values: Float32Array): Rounded {
  const rounded = format === 'fp16' ? halfToFloat(floatToHalf(values)) : roundToBfloat16(values)
  let clamped = 0
  let flushed = 0
  for (let i = 0; i < rounded.length; i++) {
    if (rounded[i] === 0 && values[i] !== 0) flushed++
    if (Math.abs(rounded[i]!) === Number.POSITIVE_INFINITY && Number.isFinite(values[i])) {
      rounded[i] = Math.sign(values[i]!) * largest[format]
      clamped++
    }
  }
  return { values: rounded, clamped, flushed }
}

/** bfloat16 is the upper half of a float32: add half of the last kept bit, a tie only where that makes it even, and cut. */
function roundToBfloat16(values: Float32Array): Float32Array {
  const rounded = new Float32Array(values.length)
  const from = new Uint32Array(values.buffer, values.byteOffset, values.length)
  const to = new Uint32Array(rounded.buffer)
  for (let i = 0; i < to.length; i++) {
    const word = from[i]!
    // a NaN whose payload lies in the lower half would be cut to infinity
    to[i] = Number.isNaN(values[i]) ? word | 0x400000 : (word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000
  }
  return rounded
}

export function toHalfBits(values: Float32Array, { flushTiny = false } = {}) {
  const { clamped, flushed } = roundTo('fp16', values)
  const bits = floatToHalf(values)
  for (let i = 0; i < bits.length; i++) {
    if ((bits[i]! & 0x7fff) === 0x7c00 && Number.isFinite(values[i])) bits[i] = (bits[i]! & 0x8000) | 0x7bff
    if (!flushTiny && (bits[i]! & 0x7fff) === 0 && values[i] !== 0) bits[i] = bits[i]! | 1
  }
  return { bits, clamped, flushed }
}
export function toBfloat16Bits(values: Float32Array, _options: { flushTiny?: boolean } = {}) {
  const { values: rounded, clamped, flushed } = roundTo('bf16', values)
  const words = new Uint32Array(rounded.buffer)
  return { bits: Uint16Array.from(words, word => word >>> 16), clamped, flushed }
}
