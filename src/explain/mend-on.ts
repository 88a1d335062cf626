import { plural } from '../base/plural.ts'
import { usesTf32 } from '../engines/tensorrt/plan.ts'
import { engineNamed } from '../gate/engines.ts'
import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import type { Pair } from './correction.ts'
import { costOf } from './cost.ts'
import { type Costs, measuredCosts, nominalCosts, shapesOf } from './costs.ts'
import { type Question, type Worst, worstOfTrial } from './evaluator.ts'
import { byOperator, throughout } from './even.ts'
import { Forecast } from './forecast.ts'
import type { Guide } from './guide.ts'
import { everywhere, higher, isReduced, type Levels, levelsText } from './levels.ts'
import {
  type BuiltSet,
  cheaperOf,
  chosenOf,
  frontierOf,
  type Mending,
  type MendOptions,
  type Point,
  pointOf,
  toldTrials,
} from './mend.ts'
import { type Attempt, type Failed, nextBuild, settle } from './next-build.ts'
import { cheapest, trifle } from './survey.ts'
import { type Measured, Target } from './target.ts'
import { Trials } from './trials.ts'
import type { Variants } from './variants.ts'

type Built = BuiltSet & { levels: Levels }

type Reached = { levels: Levels; point: Point }

/**
 * Finds a cheap set as `mend` does, on a guide that is quick to try a hundred sets on, and confirms it on the engine that the
 * answer is for in at most three builds. Everything in the format and everything in FP32 are built there too: they say
 * whether anything must be done, what the target loses beyond what the guide sees, and what each node costs there.
 */
export async function mendOn(
  question: Question,
  variants: Variants,
  guide: Guide,
  { margin, frontier = 0, ...options }: MendOptions,
): Promise<Mending> {
  const { onnx } = question
  const { units, inBodies } = variants.candidates()
  const [low, full] = [everywhere(units, 'low'), everywhere(units, 'full')]
  const shapeOf = await shapesOf(question)
  const nominal = nominalCosts(units, shapeOf)
  const target = 1 - margin
  const { settings } = engineNamed(question.model, question.engine)
  const kernels = settings.engine === 'tensorrt' && usesTf32(question.precision, settings) ? 'tf32' : 'fp32'

  const trials = await Trials.open(guide.question, units, guide.variants, options)
  const guideFull = await trials.trial(full)
  const told = () => ({ units: units.length, inBodies, trials: toldTrials(trials) })
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
    sets: sets.map(({ levels: _, ...told }) => told),
  })

  const targetLow = await built.low()
  if (worstOfTrial(targetLow.trial).used <= target) {
    const fp32 = pointOf(units, full, nominal, worstOfTrial(guideFull))
    return { type: 'passes', low: point(low, targetLow), ...told(), fp32, confirmation: confirmation() }
  }
  const targetFull = await built.full()
  if (targetLow.times && targetFull.times)
    costs = measuredCosts(units, nominal, { low: timesOf(targetLow), full: timesOf(targetFull) }, kernels)
  const ends = () => ({ ...told(), fp32: point(full, targetFull), confirmation: confirmation() })
  if (worstOfTrial(targetFull.trial).used > target) return { type: 'hopeless', ...ends() }

  const fp32: Pair = { guide: guideFull, target: targetFull.trial }
  const guideLow = await trials.trial(low)
  const forecast = await Forecast.make({ trials, guide, fp32, low: guideLow, costs, target, shapeOf })
  await forecast.observe(low, targetLow.trial)
  let known = forecast.survey(costs, worstOfTrial(targetLow.trial))
  const floor = worstOfTrial(targetFull.trial).used
  const measured = new Map<string, Measured>([
    [levelsText(low), targetLow],
    [levelsText(full), targetFull],
  ])

  trials.what = 'the cheapest set'
  for (;;) {
    const next = nextBuild(sets.map(attemptOf), target)
    if (next.type !== 'build') break
    // a cheaper set is worth a build where it saves a tenth
    const [first, last] = [sets[0], sets.at(-1)]
    const below = next.why === 'room' && 'point' in first! ? 0.9 * first.point.cost : Number.POSITIVE_INFINITY
    // after a miss no node is given up again: errors that did not add up as expected may have cancelled
    const onto = next.why === 'missed' || next.why === 'safest' ? last!.levels : undefined
    // what is kept for later sets is for the first, where it finds none without
    const proposal =
      (await propose(next.cautions, below, onto)) ??
      (sets.length === 0 && trials.spent ? await propose(next.cautions, below, onto, 1) : undefined)
    if (!proposal) break
    const { levels, hoped } = proposal
    const run = await built.attempt(levels, 'sets')
    const about = { why: next.why, levels, expected: hoped }
    if ('fault' in run) {
      sets.push({ ...about, fault: run.fault })
      continue
    }
    measured.set(levelsText(levels), run)
    sets.push({ ...about, point: point(levels, run) })
    await forecast.observe(levels, run.trial)
    known = forecast.survey(costs, worstOfTrial(targetLow.trial))
  }

  // also where no other set was left to build; a point of the frontier may be quicker
  let missing = 0
  const candidates: (Reached | { fault: string })[] = [...sets]
  const curve = frontier > 0 ? await frontierOf(known, frontier, onTarget) : undefined
  if (missing > 0) built.notes.push(`${plural(missing, 'point')} of the frontier could not be built`)
  const settled = settle(candidates.map(attemptOf), target)
  const rest = () => ({ low: point(low, targetLow), ...(curve && { frontier: curve }), ...ends() })
  if (settled.type === 'confirmed') {
    const { levels, point: mended } = candidates[settled.attempt] as Reached
    const cheaper = cheaperOf(mended, point(full, targetFull))
    const chosen = chosenOf(known, levels, costs)
    return { type: 'mended', mended, chosen, ...(cheaper && { cheaper }), ...rest() }
  }
  const best = candidates[settled.best] as Reached | undefined
  const chosen = best ? chosenOf(known, best.levels, costs) : []
  return { type: 'unconfirmed', best: best?.point ?? point(full, targetFull), chosen, ...rest() }

  /** A set that was not built yet and is expected to pass, with the least caution that gives one. */
  async function propose(
    cautions: readonly number[],
    below: number,
    onto: Levels = low,
    reserve?: number,
  ): Promise<{ levels: Levels; hoped: Worst } | undefined> {
    const unbuilt = sets.find(set => 'fault' in set)
    for (const caution of cautions) {
      const allowed = floor + (target - floor) / caution
      // each set that is built is to be tried here too, and half of what is left is for sets after the next
      const after = 2 - sets.length
      const keep = reserve ?? (after > 0 ? Math.max(after + 1, trials.left >> 1) : 1)
      const passes = async (set: Levels) => {
        const run = measured.get(levelsText(set))
        return run ? worstOfTrial(run.trial).used <= target : forecast.fits(set, allowed, keep)
      }
      const levels = unbuilt
        ? await evenSet(onto, passes)
        : higher(await cheapest(known, allowed ** 2 - floor ** 2, passes, trifle * costs.all), onto)
      if (!levels || !isNew(levels)) continue
      if (pointOf(units, levels, costs, worstOfTrial(guideFull)).cost < below)
        return { levels, hoped: await forecast.expect(levels) }
    }
    // more than what could not be built, which was expected to pass
    const whole = unbuilt && throughout(units, higher(unbuilt.levels, onto)).find(isNew)
    return whole && { levels: whole, hoped: await forecast.expect(whole) }
  }

  /** The cheapest set of all products of some operators that is expected to pass. */
  async function evenSet(
    onto: Levels,
    passes: (set: Levels) => Promise<boolean | undefined>,
  ): Promise<Levels | undefined> {
    const candidates = byOperator(units, costs).map(set => higher(set, onto))
    for (const set of candidates.filter(isNew)) if (await passes(set)) return set
    return undefined
  }

  /** Whether it was not built yet, and is neither end. */
  function isNew(levels: Levels): boolean {
    const text = levelsText(levels)
    return (
      isReduced(units, levels) && !measured.has(text) && !sets.some(set => levelsText(set.levels) === text)
    )
  }

  async function onTarget(levels: Levels): Promise<Point | undefined> {
    const known = measured.get(levelsText(levels))
    const run = known ?? (await built.attempt(levels, 'frontier'))
    if ('fault' in run) {
      missing++
      return undefined
    }
    const found = point(levels, run)
    if (!known && isReduced(units, levels)) candidates.push({ levels, point: found })
    return found
  }
}

function attemptOf(candidate: { point: Point } | { fault: string }): Attempt | Failed {
  if ('fault' in candidate) return 'unbuilt'
  const { worst, cost, latency } = candidate.point
  return { used: worst.used, cost, ...(latency !== undefined && { latency }) }
}

function timesOf({ times = {} }: Measured): Map<string, number> {
  return new Map(Object.entries(times))
}
