/**
 * How far the field of view is off, in degrees, ≥ 0; both inputs in degrees. NaN when either is.
 * Kept apart from the maps: Depth Pro's metric depth takes its whole scale from the field of view,
 * f = W / (2·tan(fov / 2)), so an error here shows in every pixel there.
 */
export function fovErrorDeg(golden: number, actual: number): number {
  return Math.abs(actual - golden)
}
