import type { NdArray } from 'ndarray'
import { paint } from './colormap.ts'
import { type DepthMap, packed } from './depth-map.ts'

/** What a map holds: metres, or their inverse up to a factor. */
export type Kind = 'depth' | 'inverse'

/** Inverse depths that get the coldest and the warmest colour. */
export type Limits = readonly [far: number, near: number]

/**
 * A colour picture of a depth map, for people: near is warm, far is cold, magenta is no depth. Colours are spread
 * over inverse depth, so that a far background does not leave the rest in one colour. In a map of depths zero and
 * below are no depth; in one of inverse depths zero is infinitely far and negative values are no depth.
 * Two maps that share `limits` can be compared by eye.
 */
export function preview(
  map: DepthMap,
  kind: Kind,
  limits: Limits = previewLimits(map, kind),
): NdArray<Uint8Array> {
  const [height = 0, width = 0] = map.shape
  return paint(inverseOf(map, kind), height, width, { map: 'turbo', from: limits[0], to: limits[1] })
}

/**
 * The 2nd and 98th percentile of the positive finite inverse depths, so that a few wild pixels do not flatten the
 * picture; 0 and 1 where there are none.
 */
export function previewLimits(map: DepthMap, kind: Kind): Limits {
  const inverse = inverseOf(map, kind)
  let count = 0
  for (let i = 0; i < inverse.length; i++)
    if (inverse[i]! > 0 && inverse[i]! < Number.POSITIVE_INFINITY) inverse[count++] = inverse[i]!
  const positive = inverse.subarray(0, count).sort()
  return count === 0 ? [0, 1] : [quantile(positive, 0.02), quantile(positive, 0.98)]
}

/** A new array of inverse depths in row-major order, NaN where there is no depth. */
export function inverseOf(map: DepthMap, kind: Kind): Float64Array {
  const values = packed(map)
  const inverse = new Float64Array(values.length)
  const convert = kind === 'depth' ? invert : keep
  for (let i = 0; i < values.length; i++) inverse[i] = convert(values[i]!)
  return inverse
}

function invert(depth: number): number {
  // an infinite depth is no measurement, although its inverse is a fine number
  return depth > 0 && depth < Number.POSITIVE_INFINITY ? 1 / depth : Number.NaN
}

function keep(inverse: number): number {
  return inverse >= 0 ? inverse : Number.NaN
}

/** Linear interpolation between the two nearest ranks, of values in ascending order. */
function quantile(ascending: Float64Array, q: number): number {
  const rank = q * (ascending.length - 1)
  const below = ascending[Math.floor(rank)]!
  return below + (rank - Math.floor(rank)) * (ascending[Math.ceil(rank)]! - below)
}
