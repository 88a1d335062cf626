import type { ShapeOf } from '../precision/accumulate.ts'
import { type Correction, expected, learned, type Observation, type Pair, product } from './correction.ts'
import { sumsOverRounding } from './cost.ts'
import type { Costs } from './costs.ts'
import { floorOn, type SceneTrial, type Trial, tellingScenes, type Worst, worstOfTrial } from './evaluator.ts'
import { type Guide, seesSums } from './guide.ts'
import { type Level, type Levels, levelsOf } from './levels.ts'
import { stepsOf } from './search.ts'
import { dearest, type Sensitivity, sensitivity } from './sensitivity.ts'
import { type Survey, squares, worthBy } from './survey.ts'
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
  /** On which that was found. */
  readonly #scenes: readonly string[]
  /** The squared error of each unit alone on the guide. */
  readonly #alone: readonly number[]
  /** What summing in the format is expected to add to that, where the guide does not see it. */
  readonly #sums: readonly number[]
  readonly #observed: Observation[] = []
  #correction: Correction = {}

  private constructor(
    { trials, guide, fp32, shapeOf }: ForecastOptions,
    found: Sensitivity,
    scenes: readonly string[],
  ) {
    const { units } = trials
    this.#units = units
    this.#trials = trials
    this.#seesSums = seesSums(guide)
    this.#fp32 = fp32
    this.#found = found
    this.#scenes = scenes
    this.#alone = squares(found, units.length)
    this.#sums = units.map(({ sums, nodes: [head] }, unit) =>
      sums && !this.#seesSums ? product(sumsOverRounding(head!, shapeOf), this.#alone[unit]!) : 0,
    )
  }

  /** Finds what each unit costs on the guide. */
  static async make(options: ForecastOptions): Promise<Forecast> {
    const { trials, fp32, low, costs, target } = options
    const { units } = trials
    const count = units.length
    const scenes = tellingScenes(low)
    trials.lead(scenes)
    trials.what = 'what nodes cost'
    const floor = floorOn(fp32.guide, scenes)
    const usedBy = async (chosen: readonly number[]) =>
      (await trials.worst(levelsOf(units, chosen, 'low', 'full'), scenes)).used
    const found = await sensitivity(count, usedBy, floor, {
      negligible: Math.min(target, worstOfTrial(low).used) * Math.sqrt(0.02 / count),
      trials: trials.limit >> 1,
      worth: worthBy(costs),
    })
    return new Forecast(options, found, scenes)
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
  async survey(costs: Costs, { limit }: Worst): Promise<Survey> {
    const { rounding, sums } = this.#correction[limit]!
    const middle = new Map<number, number>()
    this.#trials.what = 'levels between'
    for (const { units: members } of dearest(this.#found.groups))
      for (const unit of members) {
        const level = between(this.#units[unit]!)
        if (level === 'sum' && !this.#seesSums) middle.set(unit, product(rounding, this.#alone[unit]!))
        else if (level && members.length === 1 && this.#trials.left > this.#trials.limit / 3)
          middle.set(unit, product(rounding, await this.#squareAt(unit, level)))
      }
    const low = this.#alone.map(
      (squared, unit) => product(rounding, squared) + product(sums, this.#sums[unit]!),
    )
    return {
      ...{ units: this.#units, found: this.#found },
      steps: stepsOf(this.#units, { low, between: middle, cost: costs.more }),
    }
  }

  async #squareAt(unit: number, level: Level): Promise<number> {
    const levels = this.#onGuide(levelsOf(this.#units, [unit], level, 'full'))
    const { used } = worstOfTrial(await this.#trials.trial(levels, this.#scenes))
    return Math.max(0, used ** 2 - floorOn(this.#fp32.guide, this.#scenes) ** 2)
  }

  #unseen(levels: Levels): number {
    return levels.reduce((all, level, unit) => all + (level === 'low' ? this.#sums[unit]! : 0), 0)
  }

  /** A guide that does not see sums has them in FP32 anyway. */
  #onGuide(levels: Levels): Levels {
    return this.#seesSums ? levels : levels.map(level => (level === 'sum' ? 'low' : level))
  }
}
