import type { ShapeOf } from '../precision/accumulate.ts'
import { type Correction, expected, learned, type Observation, type Pair, product } from './correction.ts'
import { sumsOverRounding } from './cost.ts'
import type { Costs } from './costs.ts'
import type { SceneTrial, Trial, Worst } from './evaluator.ts'
import { type Guide, seesSums } from './guide.ts'
import type { Levels } from './levels.ts'
import { stepsOf } from './search.ts'
import type { Sensitivity } from './sensitivity.ts'
import { type Survey, type Surveyed, squares, surveyed } from './survey.ts'
import type { Trials } from './trials.ts'
import { between, type Unit } from './units.ts'

export interface ForecastOptions {
  trials: Trials
  guide: Guide
  /** FP32 on both. */
  fp32: Pair
  /** Everything in the format, on the guide. */
  low: Trial
  costs: Costs
  /** The share of a limit that may be used. */
  target: number
  shapeOf: ShapeOf
}

/** What a guide lets expect of a target, corrected by each network that was run on both. */
export class Forecast {
  readonly #units: readonly Unit[]
  readonly #trials: Trials
  readonly #seesSums: boolean
  readonly #fp32: Pair
  readonly #found: Sensitivity
  /** The squared error of units at the level between, where the guide sees it. */
  readonly #between: ReadonlyMap<number, number>
  /** The squared error of each unit alone on the guide. */
  readonly #alone: readonly number[]
  /** What summing in the format is expected to add to that, where the guide does not see it. */
  readonly #sums: readonly number[]
  readonly #observed: Observation[] = []
  #correction: Correction = {}

  private constructor(
    { trials, guide, fp32, shapeOf }: ForecastOptions,
    { found, between: middle }: Surveyed,
  ) {
    const { units } = trials
    this.#units = units
    this.#trials = trials
    this.#seesSums = seesSums(guide)
    this.#fp32 = fp32
    this.#found = found
    this.#between = middle
    this.#alone = squares(found, units.length)
    this.#sums = units.map(({ sums, nodes: [head] }, unit) =>
      sums && !this.#seesSums ? product(sumsOverRounding(head!, shapeOf), this.#alone[unit]!) : 0,
    )
  }

  /** Finds what each unit costs on the guide. */
  static async make(options: ForecastOptions): Promise<Forecast> {
    const { trials, guide, fp32, ...asked } = options
    const found = await surveyed(trials, { ...asked, fp32: fp32.guide, seesSums: seesSums(guide) })
    return new Forecast(options, found)
  }

  /** Learns from what the target made of a set. */
  async observe(levels: Levels, target: Trial): Promise<void> {
    const guide = await this.#trials.trial(this.#onGuide(levels))
    this.#observed.push({ guide, target, sums: this.#unseen(levels) })
    this.#correction = learned(this.#observed, this.#fp32)
  }

  /** What the target is expected to use with a set. */
  async expect(levels: Levels): Promise<Worst> {
    return this.#corrected(await this.#trials.trial(this.#onGuide(levels)), levels)
  }

  /** Whether that is no more than `allowed`; undefined where all trials but `keep` are spent. */
  async fits(levels: Levels, allowed: number, keep: number): Promise<boolean | undefined> {
    const fits = (scene: SceneTrial) => this.#corrected([scene], levels).used <= allowed
    return this.#trials.fit(this.#onGuide(levels), fits, keep)
  }

  #corrected(guide: Trial, levels: Levels): Worst {
    return expected(guide, this.#fp32, this.#correction, this.#unseen(levels))
  }

  /** Steps out of the format by what they are expected to take off on the target, of one of its limits. */
  survey(costs: Costs, { limit }: Worst): Survey {
    const { rounding, sums } = this.#correction[limit]!
    const middle = new Map<number, number>()
    for (const [unit, its] of this.#units.entries()) {
      const unseen = between(its) === 'sum' && !this.#seesSums
      const squared = unseen ? this.#alone[unit] : this.#between.get(unit)
      if (squared !== undefined) middle.set(unit, product(rounding, squared))
    }
    const low = this.#alone.map(
      (squared, unit) => product(rounding, squared) + product(sums, this.#sums[unit]!),
    )
    return {
      ...{ units: this.#units, found: this.#found },
      steps: stepsOf(this.#units, { low, between: middle, cost: costs.more }),
    }
  }

  #unseen(levels: Levels): number {
    return levels.reduce((all, level, unit) => all + (level === 'low' ? this.#sums[unit]! : 0), 0)
  }

  /** A guide that does not see sums has them in FP32 anyway. */
  #onGuide(levels: Levels): Levels {
    return this.#seesSums ? levels : levels.map(level => (level === 'sum' ? 'low' : level))
  }
}
