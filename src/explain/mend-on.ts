import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { expected, learned, type Observation, type Pair } from './correction.ts'
import { costOf, sumsOverRounding } from './cost.ts'
import { type Costs, measuredCosts, nominalCosts, shapesOf } from './costs.ts'
import { type Question, type Trial, type Worst, worstOfTrial } from './evaluator.ts'
import { type Guide, seesSums } from './guide.ts'
import { everywhere, higher, type Level, type Levels, levelsOf, levelsText } from './levels.ts'
import {
  type BuiltSet,
  chosenOf,
  frontierOf,
  type Mending,
  type MendOptions,
  type Point,
  pointOf,
} from './mend.ts'
import { nextBuild } from './next-build.ts'
import { stepsOf } from './search.ts'
import { sensitivity } from './sensitivity.ts'
import { cheapest, type Survey, squares } from './survey.ts'
import { type Measured, Target } from './target.ts'
import { Trials } from './trials.ts'
import { between } from './units.ts'
import type { Variants } from './variants.ts'

interface Built extends BuiltSet {
  levels: Levels
}

/**
 * Finds a cheap set as `mend` does, on a guide that is quick to try a hundred sets on, and confirms it on the engine that the
 * answer is for in at most three builds. Everything in the format and everything in FP32 are built there too: they say
 * whether anything must be done, what the target loses beyond what the guide sees, and what each node costs there.
 */
export async function mendOn(
  question: Question,
  variants: Variants,
  guide: Guide,
  { margin, splits = 64, frontier = 0, ...options }: MendOptions,
): Promise<Mending> {
  const { onnx } = question
  const units = variants.units()
  const [low, full] = [everywhere(units, 'low'), everywhere(units, 'full')]
  const shapeOf = await shapesOf(onnx)
  const nominal = nominalCosts(units, shapeOf)
  const target = 1 - margin

  const trials = await Trials.open(guide.question, units, guide.variants, options)
  const guideFull = await trials.trial(full)
  const told = () => ({ units: units.length, trials: { run: trials.run, remembered: trials.remembered } })
  if (worstOfTrial(guideFull).used > target)
    return { type: 'hopeless', ...told(), fp32: pointOf(units, full, nominal, worstOfTrial(guideFull)) }

  const placed = new Map([...placedNodes(readModel(onnx).graph!)].map(node => [node.id, node]))
  const weightOf = (place: string) => costOf([placed.get(place)!], 'full', shapeOf)
  const built = new Target(question, units, variants, { ...options, weightOf })
  const sets: Built[] = []
  let costs: Costs = nominal
  const point = (levels: Levels, { trial, latency }: Measured) => ({
    ...pointOf(units, levels, costs, worstOfTrial(trial)),
    ...(latency !== undefined && { latency }),
  })
  const confirmation = () => ({
    guide: guide.question.engine,
    ...{ cost: costs.type, builds: built.builds, notes: built.notes },
    sets: sets.map(({ why, point: reached, expected: hoped }) => ({ why, point: reached, expected: hoped })),
  })

  const targetLow = await built.low()
  if (worstOfTrial(targetLow.trial).used <= target) {
    const fp32 = pointOf(units, full, nominal, worstOfTrial(guideFull))
    return { type: 'passes', low: point(low, targetLow), ...told(), fp32, confirmation: confirmation() }
  }
  const targetFull = await built.measure(full, 'ends')
  if (targetLow.times && targetFull.times)
    costs = measuredCosts(units, nominal, { low: timesOf(targetLow), full: timesOf(targetFull) })
  const ends = () => ({ ...told(), fp32: point(full, targetFull), confirmation: confirmation() })
  if (worstOfTrial(targetFull.trial).used > target) return { type: 'hopeless', ...ends() }

  // what the guide does not see of a product that sums in the format
  const seen = seesSums(guide)
  const share = units.map(({ sums, nodes: [head] }) => (sums && !seen ? sumsOverRounding(head!, shapeOf) : 0))
  const onGuide = (levels: Levels): Promise<Trial> =>
    trials.trial(seen ? levels : levels.map(level => (level === 'sum' ? 'low' : level)))
  const fp32: Pair = { guide: guideFull, target: targetFull.trial }
  const guideLow = await onGuide(low)
  const guideUsed = worstOfTrial(guideLow).used
  const floor = worstOfTrial(guideFull).used
  const usedBy = async (chosen: readonly number[]) =>
    worstOfTrial(await onGuide(levelsOf(units, chosen, 'low', 'full'))).used
  const found = await sensitivity(units.length, usedBy, floor, {
    negligible: Math.min(target, guideUsed) * Math.sqrt(0.02 / units.length),
    splits,
  })
  const alone = squares(found, units.length)
  const sums = alone.map((squared, unit) => (share[unit] === 0 ? 0 : squared * share[unit]!))
  const unseen = (levels: Levels) =>
    levels.reduce((all, level, unit) => all + (level === 'low' ? sums[unit]! : 0), 0)

  const observed: Observation[] = [{ guide: guideLow, target: targetLow.trial, sums: unseen(low) }]
  let correction = learned(observed, fp32)
  const known = await order()
  const floorOnTarget = worstOfTrial(targetFull.trial).used
  const measured = new Map<string, Measured>([
    [levelsText(low), targetLow],
    [levelsText(full), targetFull],
  ])

  for (;;) {
    const next = nextBuild(
      sets.map(({ point: { cost, worst } }) => ({ used: worst.used, cost })),
      target,
    )
    if (next.type !== 'build') break
    // a cheaper set is worth a build where it saves a tenth
    const below = next.why === 'room' ? 0.9 * sets[0]!.point.cost : Number.POSITIVE_INFINITY
    // after a miss no node is given up again: errors that did not add up as expected may have cancelled
    const onto = next.why === 'room' ? undefined : sets.at(-1)?.levels
    const proposal = await propose(next.cautions, below, onto)
    if (!proposal) break
    const { levels, hoped } = proposal
    const run = await built.measure(levels, 'sets')
    measured.set(levelsText(levels), run)
    sets.push({ why: next.why, levels, point: point(levels, run), expected: hoped })
    observed.push({ guide: await onGuide(levels), target: run.trial, sums: unseen(levels) })
    correction = learned(observed, fp32)
  }

  const passing = sets.filter(({ point: { worst } }) => worst.used <= target)
  const curve = frontier > 0 ? await frontierOf(known, frontier, onTarget) : undefined
  const rest = () => ({ low: point(low, targetLow), ...(curve && { frontier: curve }), ...ends() })
  if (passing.length > 0) {
    const { levels, point: mended } = passing.reduce((a, b) => (b.point.cost < a.point.cost ? b : a))
    return { type: 'mended', mended, chosen: chosenOf(known, levels, costs), ...rest() }
  }
  const best = sets.reduce<Built | undefined>(
    (a, b) => (a && a.point.worst.used <= b.point.worst.used ? a : b),
    undefined,
  )
  const { levels, point: reached } = best ?? { levels: full, point: point(full, targetFull) }
  return { type: 'unconfirmed', best: reached, chosen: chosenOf(known, levels, costs), ...rest() }

  /** Steps by what they take off on the target, of the limit that it uses most. */
  async function order(): Promise<Survey> {
    const { rounding, sums: added } = correction[worstOfTrial(targetLow.trial).limit]!
    const middle = new Map<number, number>()
    for (const { units: members } of found.groups)
      for (const unit of members) {
        const level = between(units[unit]!)
        if (level === 'sum' && !seen) middle.set(unit, rounding * alone[unit]!)
        else if (level && members.length === 1)
          middle.set(unit, (level === 'rest' ? rounding : 1) * (await seenRounding(unit, level)))
      }
    const weights = alone.map(
      (squared, unit) => rounding * squared + (sums[unit] === 0 ? 0 : added * sums[unit]!),
    )
    return { units, found, steps: stepsOf(units, { low: weights, between: middle, cost: costs.more }) }
  }

  async function seenRounding(unit: number, level: Level): Promise<number> {
    const { used } = worstOfTrial(await onGuide(levelsOf(units, [unit], level, 'full')))
    return Math.max(0, used ** 2 - floor ** 2)
  }

  /** A set that was not built yet and is expected to pass, with the least caution that gives one. */
  async function propose(
    cautions: readonly number[],
    below: number,
    onto: Levels = low,
  ): Promise<{ levels: Level[]; hoped: Worst } | undefined> {
    for (const caution of cautions) {
      const allowed = floorOnTarget + (target - floorOnTarget) / caution
      const passes = async (set: Levels) => {
        const run = measured.get(levelsText(set))
        return run ? worstOfTrial(run.trial).used <= target : (await hope(set)).used <= allowed
      }
      // what would save no more than noise is worth no trial
      const least = costs.all / 300
      const cheap = await cheapest(known, allowed ** 2 - floorOnTarget ** 2, passes, least)
      const levels = higher(cheap, onto)
      if (measured.has(levelsText(levels))) continue
      if (pointOf(units, levels, costs, worstOfTrial(guideFull)).cost < below)
        return { levels, hoped: await hope(levels) }
    }
    return undefined
  }

  async function hope(levels: Levels): Promise<Worst> {
    return expected(await onGuide(levels), fp32, correction, unseen(levels))
  }

  async function onTarget(levels: Levels): Promise<Point> {
    return point(levels, measured.get(levelsText(levels)) ?? (await built.measure(levels, 'frontier')))
  }
}

function timesOf({ times = {} }: Measured): Map<string, number> {
  return new Map(Object.entries(times))
}
