import type { Costs } from './costs.ts'
import type { Level } from './levels.ts'
import { fewest, levelsAfter, predicted, prune, type Step, stepsOf } from './search.ts'
import { type Sensitivity, type SensitivityOptions, sensitivity } from './sensitivity.ts'
import { between, type Unit } from './units.ts'

/** What each unit of a network costs the output, and in which order units had best be put into FP32. */
export interface Survey {
  units: readonly Unit[]
  found: Sensitivity
  steps: Step[]
}

export interface SurveyOptions extends SensitivityOptions {
  costs: Costs
  /** What FP32 uses of the limit that is used most. */
  floor: number
  /** The share that is used with these units alone in the format. */
  usedBy(units: readonly number[]): Promise<number>
  /** The squared error of a unit alone at the level between the format and FP32. */
  rounding(unit: number): Promise<number>
}

/** Finds what each unit costs, and orders the steps out of the format: those first that take off most for their cost. */
export async function survey(
  units: readonly Unit[],
  { costs, floor, usedBy, rounding, ...options }: SurveyOptions,
): Promise<Survey> {
  const found = await sensitivity(units.length, usedBy, floor, options)
  const middle = new Map<number, number>()
  for (const { units: members } of found.groups) {
    const [unit] = members
    if (members.length === 1 && between(units[unit!]!)) middle.set(unit!, await rounding(unit!))
  }
  const low = squares(found, units.length)
  return { units, found, steps: stepsOf(units, { low, between: middle, cost: costs.more }) }
}

/**
 * A cheap set that passes: as few of the first steps as are needed, then back what is not needed after all.
 * @param least what a unit must cost for a trial whether it is needed
 */
export async function cheapest(
  { units, steps }: Survey,
  allowed: number,
  passes: (levels: readonly Level[]) => Promise<boolean>,
  least = 0,
): Promise<Level[]> {
  const after = (taken: number) => levelsAfter(units.length, steps.slice(0, taken))
  const taken = await fewest(steps.length, predicted(steps, allowed), count => passes(after(count)))
  // what did least for its cost is given back first
  const dearest = steps
    .slice(0, taken)
    .filter(({ cost }) => cost >= least)
    .reverse()
    .map(({ unit }) => unit)
  return prune(after(taken), [...new Set(dearest)], unit => between(units[unit]!), passes)
}

/** Each unit's squared error alone; units of one group have equal parts of the group's. */
export function squares({ groups }: Sensitivity, count: number): number[] {
  const all = new Array<number>(count).fill(0)
  for (const { units, used } of groups) for (const unit of units) all[unit] = used ** 2 / units.length
  return all
}
