import { DepthgateError } from '../base/errors.ts'
import type { Histogram } from './histogram.ts'

export const calibrationMethods = ['min-max', 'percentile', 'entropy'] as const
export type CalibrationMethod = (typeof calibrationMethods)[number]

/** The magnitude up to which a tensor keeps its values: a positive finite number. What lies beyond is set to it. */
export type Calibrator = (tensor: string, histogram: Histogram) => number

export interface Calibration {
  /** `min-max`: the largest value. `percentile`: all but a few. `entropy`: where least information is lost. */
  method: CalibrationMethod
  /** Which share of the values `percentile` keeps, in per cent. */
  percentile: number
}

/**
 * The magnitude up to which a tensor is quantised, by one of the methods or by the user's own; 0 where all of it is 0,
 * about which nobody is asked.
 * @param where how errors call the calibrator
 */
export function rangeOf(
  tensor: string,
  histogram: Histogram,
  choice: Calibration | Calibrator,
  where: string,
): number {
  if (histogram.max === 0) return 0
  if (typeof choice !== 'function') return thresholds[choice.method](histogram, choice)
  const range: unknown = choice(tensor, histogram)
  if (typeof range === 'number' && Number.isFinite(range) && range > 0) return range
  throw new DepthgateError(
    'calibration',
    `${where}: returned ${typeof range === 'number' ? range : JSON.stringify(range)} for the tensor ${JSON.stringify(tensor)}, expected a finite number above 0`,
  )
}

const thresholds: Record<CalibrationMethod, (histogram: Histogram, calibration: Calibration) => number> = {
  'min-max': ({ max }) => max,
  percentile: (histogram, { percentile: share }) => percentile(histogram, share),
  entropy,
}

/**
 * The upper edge of the bin up to which `share` per cent of all values lie, zeros among them, and no more than the
 * largest value. Where more than `share` per cent are zero nothing would be left, and it is the largest value.
 */
function percentile({ counts, width, zeros, total, max }: Histogram, share: number): number {
  const wanted = (share / 100) * total
  if (zeros >= wanted) return max
  let seen = zeros
  for (let i = 0; i < counts.length; i++) {
    seen += counts[i]!
    if (seen >= wanted) return Math.min(max, (i + 1) * width)
  }
  return max
}

/** Levels of an 8-bit magnitude. */
const levels = 128
/** What the quantised distribution has where it is empty and the other is not, as a count. */
const almostNone = 1e-4

/**
 * The threshold that keeps most information, by NVIDIA's method for 8 bits (S. Migacz, "8-bit Inference with TensorRT",
 * GTC 2017). For every number i of bins from 128 on: P is the histogram up to bin i, what lies beyond added to its last
 * bin; Q is the histogram up to bin i merged into 128 levels and spread again, evenly over those bins of a level that
 * were not empty. The i whose Kullback-Leibler divergence KL(P‖Q) is least wins, the larger of two equals, and the
 * threshold is the middle of the bin behind it. Exact zeros are left out: every scale holds them. Where P's last bin has
 * outliers only, Q gets a ten-thousandth of a count instead of an infinite divergence.
 *
 * Q is constant within a level, so with running sums each candidate takes one step a level instead of one a bin.
 */
function entropy({ counts, width, max }: Histogram): number {
  const used = Math.floor(max / width) + 1
  const { values, filled, logs } = runningSums(counts, used)
  const all = values[used]!
  let best = used
  let least = Number.POSITIVE_INFINITY
  for (let i = levels; i <= used; i++) {
    const kept = values[i]!
    if (kept === 0) continue
    const last = counts[i - 1]!
    const outliers = all - kept
    let onQ = 0
    for (let level = 0; level < levels; level++) {
      const from = Math.ceil((level * i) / levels)
      const to = Math.ceil(((level + 1) * i) / levels)
      const sum = values[to]! - values[from]!
      if (sum > 0) onQ += sum * Math.log(sum / (filled[to]! - filled[from]!))
    }
    const start = Math.ceil(((levels - 1) * i) / levels)
    const lastQ = last > 0 ? (kept - values[start]!) / (filled[i]! - filled[start]!) : almostNone
    if (outliers > 0) onQ += outliers * Math.log(lastQ)
    const sumQ = last > 0 || outliers === 0 ? kept : kept + almostNone
    const onP = logs[i]! - countLog(last) + countLog(last + outliers)
    const divergence = (onP - onQ) / all - Math.log(all / sumQ)
    if (divergence <= least) {
      least = divergence
      best = i
    }
  }
  return Math.min(max, (best + 0.5) * width)
}

/** Sums over the first i bins: of counts, of bins that are not empty, of count · ln count. */
function runningSums(counts: Float64Array, used: number): Record<'values' | 'filled' | 'logs', Float64Array> {
  const [values, filled, logs] = [0, 1, 2].map(() => new Float64Array(used + 1)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ]
  for (let i = 0; i < used; i++) {
    const count = counts[i]!
    values[i + 1] = values[i]! + count
    filled[i + 1] = filled[i]! + (count > 0 ? 1 : 0)
    logs[i + 1] = logs[i]! + countLog(count)
  }
  return { values, filled, logs }
}

function countLog(count: number): number {
  return count > 0 ? count * Math.log(count) : 0
}
