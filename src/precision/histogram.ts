/** How often which magnitudes |x| occur in a tensor, over all the inputs that were run. */
export interface Histogram {
  /** How many values lie in [i·width, (i+1)·width). Values that are exactly 0 are told by `zeros` alone. */
  readonly counts: Float64Array
  /** A power of two; 0 while every value is 0. */
  readonly width: number
  readonly zeros: number
  /** How many values there are, zeros among them. */
  readonly total: number
  /** The largest magnitude itself. */
  readonly max: number
}

/** Of these at least half are below the largest value, so the range in use has 2048 to 4096 bins. */
const bins = 4096

export function emptyHistogram(): Histogram {
  return { counts: new Float64Array(bins), width: 0, zeros: 0, total: 0, max: 0 }
}

/**
 * Counts values in, in place. One pass over the network is enough, because the range grows as it must: it is always a
 * power of two, and when it doubles, two bins become one. So the counts are those of the final range, in whatever order
 * the values came.
 * @returns the first value that is not finite, and then nothing was counted; else undefined
 */
export function observe(histogram: Histogram, values: ArrayLike<number>): number | undefined {
  let max = 0
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (!(magnitude < Number.POSITIVE_INFINITY)) return values[i]!
    if (magnitude > max) max = magnitude
  }
  const mine = histogram as { -readonly [key in keyof Histogram]: Histogram[key] }
  mine.total += values.length
  mine.max = Math.max(mine.max, max)
  if (max > 0 && max >= mine.width * bins) widen(mine, max)
  const { counts } = mine
  const perWidth = 1 / mine.width
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (magnitude === 0) mine.zeros++
    else counts[Math.floor(magnitude * perWidth)]!++
  }
  return undefined
}

/** Makes the bins so wide that `max` falls into the last half of them. */
function widen(histogram: { counts: Float64Array; width: number }, max: number): void {
  const before = histogram.width
  // the first range is below the smallest float32
  histogram.width ||= 2 ** -150 / bins
  while (max >= histogram.width * bins) histogram.width *= 2
  const merged = new Float64Array(bins)
  const factor = before / histogram.width
  for (let i = 0; i < bins; i++) merged[Math.floor(i * factor)]! += histogram.counts[i]!
  histogram.counts = merged
}
