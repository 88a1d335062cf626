import type { Costs } from './costs.ts'
import type { Level } from './levels.ts'
import { fewest, levelsAfter, predicted, prune, type Step, stepsOf } from './search.ts'
import { dearest, type Group, type Sensitivity, type SensitivityOptions, sensitivity } from './sensitivity.ts'
import { between, type Unit } from './units.ts'

/** What each unit of a network costs the output, and in which order units had best be put into FP32. */
export interface Survey {
  units: readonly Unit[]
  found: Sensitivity
  steps: Step[]
}

export interface SurveyOptions extends Pick<SensitivityOptions, 'negligible' | 'trials'> {
  costs: Costs
  /** What FP32 uses of the limit that is used most. */
  floor: number
  /** The share that is used with these units alone in the format. */
  usedBy(units: readonly number[]): Promise<number>
  /** The squared error of a unit alone at the level between the format and FP32; undefined where there is no trial for it. */
  rounding(unit: number): Promise<number | undefined>
}

/** Finds what each unit costs, and orders the steps out of the format: those first that take off most for their cost. */
export async function survey(
  units: readonly Unit[],
  { costs, floor, usedBy, rounding, ...options }: SurveyOptions,
): Promise<Survey> {
  const found = await sensitivity(units.length, usedBy, floor, { ...options, worth: worthBy(costs) })
  const middle = new Map<number, number>()
  for (const { units: members } of dearest(found.groups)) {
    const [unit] = members
    const squared = members.length === 1 && between(units[unit!]!) && (await rounding(unit!))
    if (typeof squared === 'number') middle.set(unit!, squared)
  }
  const low = squares(found, units.length)
  return { units, found, steps: stepsOf(units, { low, between: middle, cost: costs.more }) }
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
