import type { Candidates } from './candidates.ts'
import { type Costs, nominalCosts, shapesOf } from './costs.ts'
import { type Question, type Worst, worstOfTrial } from './evaluator.ts'
import { everywhere, isReduced, type Level, type Levels, nodesAt } from './levels.ts'
import type { NextBuild } from './next-build.ts'
import { levelsAfter, stepsOf } from './search.ts'
import { cheapest, type Survey, squares, surveyed } from './survey.ts'
import type { Builds, TargetOptions } from './target.ts'
import { type TrialOptions, Trials } from './trials.ts'
import type { Unit } from './units.ts'
import type { Variants } from './variants.ts'

/** A unit that does not stay as the recipe says. */
export interface MendedUnit {
  unit: Unit
  level: Exclude<Level, 'low'>
  /** Share of the limit that it uses alone in the format; of a group that was not told apart, together. */
  alone: number
  sharedBy: number
  /** With more trials the group may be told apart. */
  uncut?: true
  /** Of what putting everything into FP32 costs. */
  cost: number
}

export interface Point {
  /** Nodes in FP32. */
  nodes: number
  /** Products summed in FP32. */
  sums: number
  /** Products that are not quantised but of the rest's format. */
  rest: number
  /** Of what putting everything into FP32 costs: 0 as the recipe says, 1 in FP32. */
  cost: number
  worst: Worst
  /** Median of an inference in milliseconds, where it was measured on the target. */
  latency?: number
}

/** One set of nodes that was built on the target, or could not be. */
export type BuiltSet = {
  /**
   * `first` of the guide's; after one that `missed`; the `safest`; one that is cheaper, where there was `room`; after one that
   * could not be built, as it was `uneven`.
   */
  why: Extract<NextBuild, { type: 'build' }>['why']
  /** What the guide, corrected by what was learned, let expect. */
  expected: Worst
} & ({ point: Point } | { fault: string })

/** How an answer that another engine guided was confirmed on the target. */
export interface Confirmation {
  /** Name of the engine that guided; `emulation` on the CPU. */
  guide: string
  cost: Costs['type']
  builds: Builds
  sets: BuiltSet[]
  notes: readonly string[]
}

/** What became of a search. Data: only bad input is an error. */
export type Mending = {
  units: number
  inBodies: Candidates['inBodies']
  /** On the guide, where there is one; no more than `limit` together, and `spent` where more could have led to a cheaper set. */
  trials: Pick<Trials, 'run' | 'remembered' | 'limit' | 'spent'>
  /** Everything in FP32: on the target, or on the guide where it says already that nothing can pass. */
  fp32: Point
  /** Only where another engine guided. */
  confirmation?: Confirmation
} & (
  | { type: 'hopeless' }
  /** Nothing has to be done: the recipe as it is keeps the limits. */
  | { type: 'passes'; low: Point }
  | {
      type: 'mended'
      low: Point
      mended: Point
      chosen: MendedUnit[]
      frontier?: Point[]
      /** Of the two that pass the one that takes less time on the target; only where both were timed there. */
      cheaper?: 'mended' | 'fp32'
    }
  /** No set that was built passes; `best`, of `chosen`, came nearest. Where none was left to build it is FP32, and nothing is chosen. */
  | { type: 'unconfirmed'; low: Point; best: Point; chosen: MendedUnit[]; frontier?: Point[] }
)

export interface MendOptions extends TrialOptions, Pick<TargetOptions, 'onBuild'> {
  /** Share of every limit that must be left. */
  margin: number
  /** Points between all in the format and all in FP32 to measure besides. */
  frontier?: number
}

/**
 * Finds a cheap set of nodes to put into FP32, to sum there, or to leave to a quantised network's rest, such that every scene keeps its limits with a margin. Units
 * are ordered by the squared error that they cause alone, for what FP32 would cost; as many of the first as are needed are
 * taken, then every one that is not needed after all is given back: each unit of the result was tried without.
 */
export async function mend(
  question: Question,
  variants: Variants,
  { margin, frontier = 0, ...options }: MendOptions,
): Promise<Mending> {
  const { units, inBodies } = variants.candidates()
  const trials = await Trials.open(question, units, variants, options)
  const costs = nominalCosts(units, await shapesOf(question))
  const target = 1 - margin
  const point = async (levels: Levels) => pointOf(units, levels, costs, await trials.worst(levels))
  const passes = async (levels: Levels) =>
    (await trials.fit(levels, scene => worstOfTrial([scene]).used <= target)) ?? false

  const [lowest, full] = [everywhere(units, 'low'), everywhere(units, 'full')]
  const fp32 = await point(full)
  const told = () => ({
    units: units.length,
    inBodies,
    trials: toldTrials(trials),
    fp32,
  })
  if (fp32.worst.used > target) return { type: 'hopeless', ...told() }
  const low = await point(lowest)
  if (low.worst.used <= target) return { type: 'passes', low, ...told() }

  const { found, between: middle } = await surveyed(trials, {
    ...{ fp32: await trials.trial(full), low: await trials.trial(lowest) },
    ...{ costs, target, seesSums: true },
  })
  const known: Survey = {
    ...{ units, found },
    steps: stepsOf(units, { low: squares(found, units.length), between: middle, cost: costs.more }),
  }
  trials.what = 'the cheapest set'
  const levels = await cheapest(known, target ** 2 - fp32.worst.used ** 2, passes)
  const mended = await point(levels)
  // points of the frontier come on top of what a search may take
  const tried = told()
  trials.what = 'the frontier'
  const curve = frontier > 0 ? await frontierOf(known, frontier, point) : undefined
  if (!isReduced(units, levels))
    return { type: 'unconfirmed', low, best: fp32, chosen: [], ...(curve && { frontier: curve }), ...tried }
  return {
    type: 'mended',
    ...{ low, mended },
    chosen: chosenOf(known, levels, costs),
    ...(curve && { frontier: curve }),
    ...tried,
  }
}

export function toldTrials({ run, remembered, limit, spent }: Trials): Mending['trials'] {
  return { run, remembered, limit, spent }
}

/** Which of two plans that pass takes less time; FP32, which needs no plan, where neither does. Pure. */
export function cheaperOf(mended: Point, fp32: Point): 'mended' | 'fp32' | undefined {
  if (mended.latency === undefined || fp32.latency === undefined) return undefined
  return mended.latency < fp32.latency ? 'mended' : 'fp32'
}

/** Some of the orders' beginnings, evenly spaced in cost; without those for which there is no `point`. */
export async function frontierOf(
  { units, steps }: Survey,
  points: number,
  point: (levels: Levels) => Promise<Point | undefined>,
): Promise<Point[]> {
  const all = steps.reduce((sum, { cost }) => sum + cost, 0)
  const taken = new Set<number>([0, steps.length])
  let [spent, wanted] = [0, 1]
  // where no shape is known nothing has a cost to be spaced in
  for (const [index, { cost }] of all > 0 ? steps.entries() : []) {
    spent += cost
    if (spent < (all * wanted) / (points - 1)) continue
    taken.add(index + 1)
    while (spent >= (all * wanted) / (points - 1)) wanted++
  }
  const curve: Point[] = []
  for (const length of [...taken].sort((a, b) => a - b)) {
    const reached = await point(levelsAfter(units.length, steps.slice(0, length)))
    if (reached) curve.push(reached)
  }
  return curve
}

export function pointOf(units: readonly Unit[], levels: Levels, costs: Costs, worst: Worst): Point {
  const count = (level: Level) =>
    units.reduce((sum, unit, index) => sum + (levels[index] === level ? nodesAt(unit, level).length : 0), 0)
  const cost = levels.reduce((sum, level, unit) => sum + costs.more(unit, level), 0)
  return {
    nodes: count('full'),
    sums: count('sum'),
    rest: count('rest'),
    cost: share(cost, costs.all),
    worst,
  }
}

export function chosenOf({ units, found: { groups } }: Survey, levels: Levels, costs: Costs): MendedUnit[] {
  return units.flatMap((unit, index) => {
    const level = levels[index]!
    if (level === 'low') return []
    const group = groups.find(({ units: members }) => members.includes(index))!
    return [
      {
        unit,
        level,
        alone: group.used,
        sharedBy: group.units.length,
        ...(group.uncut && { uncut: group.uncut }),
        cost: share(costs.more(index, level), costs.all),
      },
    ]
  })
}

function share(part: number, all: number): number {
  return all > 0 ? part / all : 0
}
