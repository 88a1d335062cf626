import type { Costs } from './costs.ts'
import { floorOn, type Trial, tellingScenes, worstOfTrial } from './evaluator.ts'
import { type Level, levelsOf } from './levels.ts'
import { fewest, levelsAfter, predicted, prune, type Step } from './search.ts'
import { dearest, type Group, type Sensitivity, sensitivity } from './sensitivity.ts'
import type { Trials } from './trials.ts'
import { between, type Unit } from './units.ts'

/** What each unit of a network costs the output, and in which order units had best be put into FP32. */
export interface Survey {
  units: readonly Unit[]
  found: Sensitivity
  steps: Step[]
}

export interface SurveyOptions {
  /** Everything in FP32, and everything in the format, on every scene. */
  fp32: Trial
  low: Trial
  costs: Costs
  /** The share of a limit that may be used. */
  target: number
  /** Whether sums in the format show where the trials are run. */
  seesSums: boolean
}

/** What units cost: groups of them alone in the format, and the squared error of single ones at the level between. */
export interface Surveyed {
  found: Sensitivity
  between: ReadonlyMap<number, number>
}

/** Finds what each unit costs, on the scenes that tell most, in the trials that may go into it. */
export async function surveyed(
  trials: Trials,
  { fp32, low, costs, target, seesSums }: SurveyOptions,
): Promise<Surveyed> {
  const { units } = trials
  const scenes = tellingScenes(low)
  trials.lead(scenes)
  trials.what = 'what nodes cost'
  const floor = floorOn(fp32, scenes)
  const usedAt = async (chosen: readonly number[], level: Level) =>
    (await trials.worst(levelsOf(units, chosen, level, 'full'), scenes)).used
  const found = await sensitivity(units.length, chosen => usedAt(chosen, 'low'), floor, {
    // half of the units of this size, together, would use a tenth of the limit
    negligible: Math.min(target, worstOfTrial(low).used) * Math.sqrt(0.02 / units.length),
    trials: trials.forSurvey,
    worth: worthBy(costs),
  })
  const middle = new Map<number, number>()
  for (const { units: members } of dearest(found.groups)) {
    const [unit] = members as [number]
    const level = members.length === 1 && between(units[unit]!)
    if (!level || (level === 'sum' && !seesSums) || trials.left <= trials.limit / 3) continue
    middle.set(unit, Math.max(0, (await usedAt([unit], level)) ** 2 - floor ** 2))
  }
  return { found, between: middle }
}

/** Of all that FP32 costs; to tell apart what costs less saves nothing. */
export const trifle = 1 / 300

/** A group's units are worth telling apart where the group does much, and FP32 would cost much there. */
export function worthBy(costs: Costs): (group: Group) => number {
  return ({ units, used }) => {
    const cost = units.reduce((sum, unit) => sum + costs.more(unit, 'full'), 0)
    if (!(costs.all > 0)) return used
    return cost < trifle * costs.all ? 0 : cost * used ** 2
  }
}

/**
 * A cheap set that passes: as few of the first steps as are needed, then back what is not needed after all.
 * @param passes undefined where no trial is left to tell
 * @param least what a unit must cost for a trial whether it is needed
 */
export async function cheapest(
  { units, steps }: Survey,
  allowed: number,
  passes: (levels: readonly Level[]) => Promise<boolean | undefined>,
  least = 0,
): Promise<Level[]> {
  const after = (taken: number) => levelsAfter(units.length, steps.slice(0, taken))
  // without a trial it is half of the error that must be expected
  const safe = predicted(steps, allowed / 4)
  const taken = await fewest(
    steps.length,
    predicted(steps, allowed),
    async count => (await passes(after(count))) ?? count >= safe,
  )
  // what did least for its cost is given back first
  const dearest = steps
    .slice(0, taken)
    .filter(({ cost }) => cost >= least)
    .reverse()
    .map(({ unit }) => unit)
  const without = async (levels: readonly Level[]) => (await passes(levels)) ?? false
  return prune(after(taken), [...new Set(dearest)], unit => between(units[unit]!), without)
}

/** Each unit's squared error alone; units of one group have equal parts of the group's. */
export function squares({ groups }: Sensitivity, count: number): number[] {
  const all = new Array<number>(count).fill(0)
  for (const { units, used } of groups) for (const unit of units) all[unit] = used ** 2 / units.length
  return all
}
