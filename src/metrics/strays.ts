import { comparedRange, type Pair } from './pair.ts'

/** How far beyond the bound an actual must be, so that a golden just outside the range may waver across it. */
const WELL_ACROSS = 1.25

/**
 * How many pixels the golden excludes, being too near, too far or not above 0, although the actual says otherwise:
 * sky that became a wall would go unseen if it were only left out. Masked pixels and non-finite values are left to
 * other counts.
 *
 * A golden below the range (≤ 0 included) strays where actual > 1.25·min, or without a min, 1.25 times the smallest
 * golden that is compared; one above it where actual < max / 1.25. It is no better where the actual leaves the
 * range at the other end: a far wall at −5 m is as wrong as one at 5 m.
 */
export function countStrays(pair: Pair): number {
  const { golden, actual, mask, min = 0, max = Infinity } = pair
  const [low, high] = comparedRange(pair)
  // no golden is above an open end, so only the smallest that is compared may have to stand in for a bound
  const lo = min > 0 ? min : nearestCompared(pair)
  let strays = 0
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!
    const a = actual[i]!
    if (!Number.isFinite(g) || !Number.isFinite(a) || (mask !== undefined && mask[i] === 0)) continue
    if (g < low) {
      if (a > lo * WELL_ACROSS) strays++
    } else if (g > high && a < max / WELL_ACROSS) strays++
  }
  return strays
}

function nearestCompared(pair: Pair): number {
  const { golden, mask } = pair
  const [low, high] = comparedRange(pair)
  let nearest = Infinity
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!
    if (g < nearest && g >= low && g <= high && (mask === undefined || mask[i] !== 0)) nearest = g
  }
  return nearest
}
