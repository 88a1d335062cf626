import { DepthgateError } from '../base/errors.ts'
import type { FloatArray } from '../depth/depth-map.ts'

/** Two depth maps of one scene, row-major and of the same height × width, and the pixels that count. */
export interface Pair {
  /** What PyTorch said, height × width, in the model's unit of depth. */
  golden: FloatArray
  /** What the engine said, same shape and unit. */
  actual: FloatArray
  width: number
  height: number
  /** One byte a pixel; 0 leaves the pixel out. */
  mask?: Uint8Array
  /** Smallest golden depth that is compared, inclusive. */
  min?: number
  /** Largest golden depth that is compared, inclusive. */
  max?: number
}

/** Throws a `shape` error unless both maps, and the mask, fill width × height with at least one pixel. */
export function checkPair({ golden, actual, width, height, mask }: Pair): void {
  const pixels = width * height
  if (!(Number.isInteger(width) && Number.isInteger(height) && width > 0 && height > 0))
    throw new DepthgateError(
      'shape',
      `Cannot compare depth maps of ${height}×${width} (height × width): both must be whole numbers above 0.`,
    )
  checkLength('golden', golden.length)
  checkLength('actual', actual.length)
  if (mask !== undefined) checkLength('mask', mask.length)

  function checkLength(name: string, length: number): void {
    if (length !== pixels)
      throw new DepthgateError(
        'shape',
        `The ${name} holds ${length} values, but ${height}×${width} (height × width) needs ${pixels}.`,
      )
  }
}

/** The smallest and largest golden depth that is compared: [min, max] without what is not above 0 or not finite. */
export function comparedRange({ min = 0, max = Infinity }: Pair): [low: number, high: number] {
  // a NaN bound stays NaN, which compares nothing: better that than a bound nobody asked for
  return [Math.max(min, Number.MIN_VALUE), Math.min(max, Number.MAX_VALUE)]
}
