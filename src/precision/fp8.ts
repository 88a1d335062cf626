/** The largest value of float8 E4M3FN: 1.75 · 2⁸. */
export const largestE4M3 = 448

const single = new Float32Array(1)
const bits = new Uint32Array(single.buffer)

/**
 * A number as the bits of float8 E4M3FN (1 sign bit, 4 exponent bits with bias 7, 3 fraction bits, no infinities; OCP
 * 8-bit Floating Point Specification 1.0), rounded to nearest, ties to even. What lies beyond ±448 is set to it, as
 * ONNX's QuantizeLinear does with `saturate`; NaN stays NaN.
 */
export function toE4M3(value: number): number {
  single[0] = value
  const word = bits[0]!
  const sign = (word >>> 24) & 0x80
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return sign | 0x7f
  if (magnitude >= largestE4M3) return sign | 0x7e
  // a multiple of 2^-9 below 2^-6, where the exponent stays at its least
  const exponent = Math.max(-6, ((word >>> 23) & 255) - 127)
  const step = 2 ** (exponent - 3)
  const steps = roundToEven(magnitude / step)
  // the leading one adds 1 to the exponent field, and so does a carry out of the fraction
  return sign | (((exponent + 6) << 3) + steps)
}

/** To the nearest whole number, ties to the even one. */
export function roundToEven(value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  return rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? floor + 1 : floor
}
