import { type Trial, type Worst, worstOfTrial } from './evaluator.ts'

/**
 * What a target loses beyond what the guide sees, for one limit. Errors beyond FP32's add up as their squares:
 * target² = FP32² + rounding · guide² + sums · (what the products that sum in the format are expected to add)².
 */
export interface Factor {
  /** Of the squared error that the guide finds. */
  rounding: number
  /** Of the squared error that summing in the format is expected to add. */
  sums: number
}

/** A factor for each limit, by `output metric`. */
export type Correction = Readonly<Record<string, Factor>>

/** The same network on the guide and on the target. */
export interface Pair {
  guide: Trial
  target: Trial
}

const untold: Factor = { rounding: 1, sums: 1 }
/** More than this is no kernel's arithmetic: the guide does not see what happens there. */
const most = 1e4

/**
 * What the target makes of a trial of the guide. Pure.
 * @param fp32 both in FP32
 * @param sums the squared error expected of products that sum in the format
 */
export function expected(guide: Trial, fp32: Pair, correction: Correction, sums: number): Worst {
  return worstOfTrial(
    guide.map(({ scene, used }, at) => ({
      scene,
      used: Object.fromEntries(
        Object.entries(used).map(([limit, share]) => {
          const { rounding, sums: added } = correction[limit] ?? untold
          const beyond = squaredBeyond(share, fp32.guide[at]!.used[limit]!)
          const floor = fp32.target[at]!.used[limit]!
          return [limit, Math.sqrt(floor ** 2 + product(rounding, beyond) + product(added, sums))]
        }),
      ),
    })),
  )
}

/**
 * Learns from a network that was run on both. What the target loses more than the guide is laid to sums where any are left
 * in the format, else to rounding. Where either is not finite nothing can be learned of how much: a target that breaks
 * where the guide does not is taken for four times worse. Pure.
 */
export function learned(before: Correction, { guide, target }: Pair, fp32: Pair, sums: number): Correction {
  const limits = Object.keys(guide[0]?.used ?? {})
  return Object.fromEntries(
    limits.map(limit => {
      const old = before[limit] ?? untold
      const seen = largestBeyond(guide, fp32.guide, limit)
      const lost = largestBeyond(target, fp32.target, limit)
      return [limit, factor(old, seen, lost, sums)]
    }),
  )
}

function factor(old: Factor, guide: number, target: number, sums: number): Factor {
  if (!Number.isFinite(guide)) return old
  if (!Number.isFinite(target)) return { rounding: bounded(old.rounding * 16), sums: bounded(old.sums * 16) }
  if (target > guide && sums > 0) return { rounding: 1, sums: bounded((target - guide) / sums) }
  if (guide === 0) return old
  // what was learned of sums stays where none were left to learn from
  return { rounding: bounded(target / guide), sums: sums > 0 ? 0 : old.sums }
}

/** Nothing of infinitely much is nothing here. */
function product(factor: number, squared: number): number {
  return squared === 0 ? 0 : squared === Number.POSITIVE_INFINITY ? squared : factor * squared
}

function bounded(value: number): number {
  return Math.min(most, value)
}

/** The largest squared error beyond FP32's, over all scenes. */
function largestBeyond(trial: Trial, fp32: Trial, limit: string): number {
  return Math.max(...trial.map(({ used }, at) => squaredBeyond(used[limit]!, fp32[at]!.used[limit]!)))
}

function squaredBeyond(used: number, floor: number): number {
  return used === Number.POSITIVE_INFINITY ? used : Math.max(0, used ** 2 - floor ** 2)
}
