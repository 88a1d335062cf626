import { type DepthMap, depthMap, packed } from './depth-map.ts'

/**
 * Metric depth from canonical inverse depth and field of view, in float32 as PyTorch computes it:
 * f_px = 0.5·W / tan(fov/2), depth = 1 / clamp(canonical · W / f_px, 1e-4, 1e4).
 * Source: Depth Pro, `DepthPro.infer`. A NaN stays NaN, as Math.min and Math.max keep it; zero becomes 10 000 m, the sky.
 * @param canonical H×W, ≥ 0, inverse depth for a focal length of one image width
 * @param fovDeg horizontal field of view in degrees, inside (0, 180)
 * @returns H×W metres in [1e-4, 1e4]
 */
export function metricDepth(canonical: DepthMap, fovDeg: number): DepthMap {
  const [height = 0, width = 0] = canonical.shape
  const { fround } = Math
  const halfAngle = fround(0.5 * fround(fround(fovDeg) * fround(Math.PI / 180)))
  const focal = fround((0.5 * width) / fround(Math.tan(halfAngle)))
  const scale = fround(width / focal)
  const values = packed(canonical)
  const depth = new Float32Array(values.length)
  for (let i = 0; i < depth.length; i++) {
    const inverse = fround(values[i]! * scale)
    depth[i] = 1 / Math.min(1e4, Math.max(1e-4, inverse))
  }
  return depthMap(depth, height, width)
}
