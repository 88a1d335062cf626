import { comparedRange, type Pair } from './pair.ts'

/** How far inside the range an actual must be, so that a golden just outside it may waver across the bound. */
const WELL_INSIDE = 1.25

/**
 * How many pixels the golden excludes, being too near, too far or not above 0, although the actual puts them
 * well inside the range: sky that became a wall would otherwise go unseen. Masked pixels and non-finite
 * values are left to other counts.
 *
 * The range [lo, hi] is [min, max], and where a bound is missing (min ≤ 0 counts as missing), the smallest or
 * largest golden that is compared. A golden below the range (≤ 0 included) strays where lo·1.25 < actual ≤ hi,
 * one above it where lo ≤ actual < hi / 1.25. An actual that leaves the range on the other
 * side is excluded as before, and no stray.
 */
export function countStrays(pair: Pair): number {
  const { golden, actual, mask } = pair
  const [low, high] = comparedRange(pair)
  const [lo, hi] = strayRange(pair)
  let strays = 0
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!
    const a = actual[i]!
    if (!Number.isFinite(g) || (mask !== undefined && mask[i] === 0)) continue
    if (g < low) {
      if (a > lo * WELL_INSIDE && a <= hi) strays++
    } else if (g > high && a >= lo && a < hi / WELL_INSIDE) strays++
  }
  return strays
}

function strayRange(pair: Pair): [lo: number, hi: number] {
  const { golden, mask, min = 0, max = Infinity } = pair
  const [low, high] = comparedRange(pair)
  let nearest = Infinity
  let farthest = 0
  for (let i = 0; i < golden.length; i++) {
    const g = golden[i]!
    if (!(g >= low && g <= high) || (mask !== undefined && mask[i] === 0)) continue
    if (g < nearest) nearest = g
    if (g > farthest) farthest = g
  }
  return [min > 0 ? min : nearest, max < Infinity ? max : farthest]
}
