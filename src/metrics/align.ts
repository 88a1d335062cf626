import type { FloatArray } from '../depth/depth-map.ts'
import { fitLine } from './line.ts'

/**
 * A relative map brought to the truth's scale: every value times the median of truth / value, over pixels where both are
 * finite and above 0. SOURCE: Zhou et al. 2017 (arXiv 1704.07813), the median scaling of monocular depth evaluations.
 */
export function medianScaled(map: FloatArray, truth: FloatArray): Float64Array {
  const ratios = Float64Array.from(map, (value, i) => truth[i]! / value).filter(
    ratio => ratio > 0 && Number.isFinite(ratio),
  )
  ratios.sort()
  const scale = ratios[ratios.length >> 1] ?? Number.NaN
  return Float64Array.from(map, value => value * scale)
}

/**
 * Depth out of a relative inverse map: scale and shift by least squares against 1 / truth, over the pixels with a truth,
 * then 1 / that, no further than the farthest truth. SOURCE: Ranftl et al. 2020 (MiDaS, arXiv 1907.01341), section 5.
 */
export function depthOfRelativeInverse(map: FloatArray, truth: FloatArray): Float64Array {
  const inverse = Float64Array.from(truth, depth =>
    depth > 0 && Number.isFinite(depth) ? 1 / depth : Number.NaN,
  )
  const { scale, shift } = fitLine(map, inverse)
  const farthest = inverse.reduce(
    (least, y, i) => (y < least && Number.isFinite(map[i]) ? y : least),
    Infinity,
  )
  return Float64Array.from(map, x => 1 / Math.max(scale * x + shift, farthest))
}
