/** A set of nodes that was built and run on the target. */
export interface Attempt {
  /** Share of the limit that is used most. */
  used: number
  /** Of what everything in FP32 costs. */
  cost: number
  /** Of an inference in milliseconds, where it was measured. */
  latency?: number
}

/** A set that the target could not build. */
export type Failed = 'unbuilt'

/** What builds came to: the cheapest that passes, or that which came nearest; the places of both among the attempts. */
export type Settled = { type: 'confirmed'; attempt: number } | { type: 'unconfirmed'; best: number }

/** What is to be built next, or what is settled. */
export type NextBuild =
  /**
   * The cheapest set that is expected to use no more than a part of what is allowed beyond FP32's error, one over the first
   * of `cautions` for which there is a set that was not built yet.
   */
  | { type: 'build'; why: 'first' | 'missed' | 'safest' | 'room' | 'uneven'; cautions: readonly number[] }
  | Settled

/**
 * Builds are slow and choose their kernels by time: a set that is expected to pass just so often does not. After one that could
 * not be built sets are few and far apart, and where one misses another build may be left.
 */
const cautions = {
  first: [1.1],
  missed: [1.25, 1.5, 2, 1],
  safest: [2, 1.5, 1.25, 1],
  room: [1.1],
  uneven: [1],
}

/** Passing with so little of what is allowed, a set is likely to hold nodes that are not needed. */
const roomy = 0.6

/**
 * Decides what follows from what was measured. At most `limit` sets are built: the first that the guide finds; after a miss
 * another with what was learned from it, and at last the safest; after one that could not be built one that is even where
 * that was a mixture; after a first that passes with much room one that is cheaper. Pure.
 * @param target the share of a limit that may be used
 */
export function nextBuild(attempts: readonly (Attempt | Failed)[], target: number, limit = 3): NextBuild {
  const build = (why: keyof typeof cautions): NextBuild => ({ type: 'build', why, cautions: cautions[why] })
  const [first] = attempts
  if (!first) return build('first')
  const settled = settle(attempts, target)
  if (settled.type === 'confirmed')
    return attempts.length === 1 &&
      attempts.length < limit &&
      first !== 'unbuilt' &&
      first.used < roomy * target
      ? build('room')
      : settled
  if (attempts.length < limit && attempts.at(-1) === 'unbuilt') return build('uneven')
  if (attempts.length < limit) return build(attempts.length === limit - 1 ? 'safest' : 'missed')
  return settled
}

/** As far as two measurements of one engine lie apart. */
const noise = 1.025

/**
 * What the attempts come to, where no other is built: of those that pass the quickest, and of those that are as quick, or
 * where not all were timed, the cheapest; else that which came nearest, -1 for the best of none. Pure.
 */
export function settle(attempts: readonly (Attempt | Failed)[], target: number): Settled {
  const least = (of: readonly Attempt[], by: 'used' | 'cost') =>
    attempts.indexOf(of.reduce((a, b) => (b[by] < a[by] ? b : a)))
  const built = attempts.filter(attempt => attempt !== 'unbuilt')
  const passing = built.filter(({ used }) => used <= target)
  if (passing.length === 0)
    return { type: 'unconfirmed', best: built.length === 0 ? -1 : least(built, 'used') }
  const quickest = Math.min(...passing.map(({ latency = Number.NaN }) => latency))
  const asQuick = passing.filter(({ latency }) => !(latency! > noise * quickest))
  return { type: 'confirmed', attempt: least(asQuick, 'cost') }
}
