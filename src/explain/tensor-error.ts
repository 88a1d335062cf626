import type { FloatArray } from '../depth/depth-map.ts'

/** What a tensor lost against FP32's. */
export interface TensorError {
  /**
   * Root mean square of the difference as a share of the root mean square of FP32's values; Infinity where a value is not
   * finite that FP32's is.
   */
  relative: number
  /** Largest finite magnitude of FP32's values. */
  largest: number
  /** Values that FP32 holds and that became infinite. */
  overflowed: number
  /** Values that FP32 holds and that became NaN. */
  nan: number
  /** Values that FP32 has as something else and that became zero. */
  flushed: number
  /** Values in the tensor. */
  values: number
}

/** Holds a tensor against what FP32 computed. Places where FP32 itself is not finite, such as a mask of −∞, are left out. */
export function tensorError(full: FloatArray, value: FloatArray): TensorError {
  let [power, difference, largest, overflowed, nan, flushed] = [0, 0, 0, 0, 0, 0]
  for (let i = 0; i < full.length; i++) {
    const [truth, got] = [full[i]!, value[i]!]
    const size = Math.abs(truth)
    if (!(size < Number.POSITIVE_INFINITY)) continue
    if (size > largest) largest = size
    power += truth * truth
    if (Number.isNaN(got)) nan++
    else if (!Number.isFinite(got)) overflowed++
    else {
      if (got === 0 && truth !== 0) flushed++
      difference += (got - truth) * (got - truth)
    }
  }
  const relative = nan + overflowed > 0 ? Number.POSITIVE_INFINITY : share(difference, power)
  return { relative, largest, overflowed, nan, flushed, values: full.length }
}

function share(difference: number, power: number): number {
  if (difference === 0) return 0
  // a tensor of zeros that became something else has no scale of its own
  return power === 0 ? Number.POSITIVE_INFINITY : Math.sqrt(difference / power)
}

/** Of several scenes: the largest error and magnitude, and all that was counted. */
export function worstOf(a: TensorError, b: TensorError): TensorError {
  return {
    relative: Math.max(a.relative, b.relative),
    largest: Math.max(a.largest, b.largest),
    overflowed: a.overflowed + b.overflowed,
    nan: a.nan + b.nan,
    flushed: a.flushed + b.flushed,
    values: a.values + b.values,
  }
}
