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
const most = 1e6

/**
 * What the target makes of a trial of the guide. Pure.
 * @param fp32 both in FP32
 * @param sums the squared error expected of products that sum in the format
 */
export function expected(guide: Trial, fp32: Pair, correction: Correction, sums: number): Worst {
  return worstOfTrial(
    guide.map(({ scene, used }) => ({
      scene,
      used: Object.fromEntries(
        Object.entries(used).map(([limit, share]) => {
          const { rounding, sums: added } = correction[limit] ?? untold
          const beyond = squaredBeyond(share, usedOn(fp32.guide, scene, limit))
          const floor = usedOn(fp32.target, scene, limit)
          return [limit, Math.sqrt(floor ** 2 + product(rounding, beyond) + product(added, sums))]
        }),
      ),
    })),
  )
}

/** A set of nodes that was run on both, and the squared error expected of its products that sum in the format. */
export interface Observation extends Pair {
  sums: number
}

/**
 * Learns from what was run on both: the factors, not below 0, that tell the squared errors seen on the target best, each
 * relative to itself. Where they leave it open, what lies within the guide's own uncertainty is laid to rounding, and the
 * rest to sums. The last is never expected to be less than it was. What is not finite teaches no figure: a target that breaks where the guide does
 * not is taken for four times worse. Pure.
 */
export function learned(observations: readonly Observation[], fp32: Pair): Correction {
  const limits = Object.keys(fp32.guide[0]?.used ?? {})
  return Object.fromEntries(
    limits.map(limit => {
      const seen = observations
        .map(({ guide, target, sums }) => ({
          guide: largestBeyond(guide, fp32.guide, limit),
          target: largestBeyond(target, fp32.target, limit),
          sums,
        }))
        .filter(({ guide, sums }) => Number.isFinite(guide + sums))
      const finite = seen.filter(({ target }) => Number.isFinite(target))
      const worse = 16 ** (seen.length - finite.length)
      const { rounding, sums } = atLeast(fitted(finite), finite.at(-1))
      return [limit, { rounding: bounded(worse * rounding), sums: bounded(worse * sums) }]
    }),
  )
}

interface Seen {
  guide: number
  target: number
  sums: number
}

/** Weight of the guide's own word against what was seen. */
const trust = 0.01
/** Emulation comes out too low by up to 12 %, never too high: so much of a squared error is its own. */
const uncertainty = 1.3

/** Least squares of relative errors, by the normal equations; where one factor would be below 0 it is 0. */
function fitted(seen: readonly Seen[]): Factor {
  const [first] = seen
  if (!first) return untold
  const word = first.guide > 0 ? Math.min(uncertainty, Math.max(1, first.target / first.guide)) : 1
  let [gg, gs, ss, g, s] = [trust, 0, 0, trust * word, 0]
  for (const { guide, target, sums } of seen) {
    const [a, b] = [guide, sums].map(part => part / Math.max(target, 1e-12)) as [number, number]
    gg += a * a
    gs += a * b
    ss += b * b
    g += a
    s += b
  }
  if (ss === 0) return { rounding: g / gg, sums: untold.sums }
  const determinant = gg * ss - gs * gs
  const [rounding, sums] = [(g * ss - s * gs) / determinant, (s * gg - g * gs) / determinant]
  if (sums < 0) return { rounding: g / gg, sums: 0 }
  return rounding < 0 ? { rounding: 0, sums: s / ss } : { rounding, sums }
}

function atLeast(factor: Factor, last: Seen | undefined): Factor {
  const told = last ? factor.rounding * last.guide + factor.sums * last.sums : 0
  const scale = told > 0 ? Math.max(1, last!.target / told) : 1
  return { rounding: factor.rounding * scale, sums: factor.sums * scale }
}

/** Nothing of infinitely much is nothing here. */
export function product(factor: number, squared: number): number {
  return squared === 0 ? 0 : squared === Number.POSITIVE_INFINITY ? squared : factor * squared
}

function bounded(value: number): number {
  return Math.min(most, value)
}

/** The largest squared error beyond FP32's, over all scenes. */
function largestBeyond(trial: Trial, fp32: Trial, limit: string): number {
  return Math.max(...trial.map(({ scene, used }) => squaredBeyond(used[limit]!, usedOn(fp32, scene, limit))))
}

function squaredBeyond(used: number, floor: number): number {
  return used === Number.POSITIVE_INFINITY ? used : Math.max(0, used ** 2 - floor ** 2)
}

function usedOn(trial: Trial, name: string, limit: string): number {
  return trial.find(({ scene }) => scene === name)!.used[limit]!
}
