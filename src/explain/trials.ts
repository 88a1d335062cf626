import { join } from 'node:path'
import { sha256, sha256File } from '../base/files.ts'
import { honestLine } from '../base/json.ts'
import type { Fingerprint } from '../engines/engine.ts'
import { recipeText } from '../gate/recipe.ts'
import {
  type Evaluator,
  engineEvaluator,
  type On,
  type Question,
  type SceneTrial,
  type Trial,
  type Worst,
  worstOfTrial,
} from './evaluator.ts'
import { Ledger } from './ledger.ts'
import { isFull, type Levels, levelsText, recipeFor } from './levels.ts'
import type { Unit } from './units.ts'
import type { Recipe, Variants } from './variants.ts'

/** Raised when the same question would be answered otherwise, by a fix of depthgate: old ledgers are then left alone. */
const edition = 4

/** How a search goes. */
export interface Progress {
  /** Trials that were asked for, also those that were known. */
  done: number
  /** There are no more than these. */
  limit: number
  /** What is looked for now. */
  what: string
  /** That a trial takes, on average of those that were run. */
  seconds: number
}

export interface TrialOptions {
  /** Trials that may be asked for. */
  limit?: number
  onTrial?: (worst: Worst, run: number, progress: Progress) => void
}

/** By default. */
const trialLimit = 160

/**
 * Tries levels of a network's units, on each scene once: what was tried is read from the ledger, also of an earlier run. A
 * trial is one network, written, loaded, and run on one scene or on more.
 */
export class Trials {
  readonly units: readonly Unit[]
  readonly limit: number
  /** What is looked for now, for who watches. */
  what = 'the ends'
  readonly #base: Recipe
  readonly #evaluator: Evaluator
  /** Those that failed last come first. */
  #scenes: readonly string[]
  readonly #asked = new Map<string, Map<string, SceneTrial>>()
  readonly #ledger: Ledger<SceneTrial>
  readonly #onTrial: NonNullable<TrialOptions['onTrial']>
  #seconds = 0
  /** Whether a set was not tried for want of trials. */
  spent = false
  /** Trials that were run now, and that an earlier run had made. */
  run = 0
  remembered = 0

  private constructor(
    { scenes }: Question,
    units: readonly Unit[],
    base: Recipe,
    evaluator: Evaluator,
    ledger: Ledger<SceneTrial>,
    { limit = trialLimit, onTrial = () => {} }: TrialOptions,
  ) {
    this.units = units
    this.limit = limit
    this.#scenes = scenes
    this.#base = base
    this.#evaluator = evaluator
    this.#ledger = ledger
    this.#onTrial = onTrial
  }

  /** Loads the FP32 network, so that what another version of the engine, or another device, found is not taken for this one's. */
  static async open(
    question: Question,
    units: readonly Unit[],
    variants: Variants,
    options: TrialOptions = {},
  ): Promise<Trials> {
    const evaluator = engineEvaluator(question, variants)
    const ledger = new Ledger<SceneTrial>(ledgerFile(question, variants, await evaluator.fingerprint()))
    return new Trials(question, units, variants.base, evaluator, ledger, options)
  }

  /** How many are left. Remembered ones count too, so that a search that goes on takes the same way. */
  get left(): number {
    return this.limit - this.run - this.remembered
  }

  /** How many of them may go into telling apart what groups cost; that of all units is among them. */
  get forSurvey(): number {
    return Math.max(5, Math.floor(this.limit * 0.4))
  }

  /** Levels on some scenes, by default on all. */
  async trial(levels: Levels, scenes: readonly string[] = this.#scenes): Promise<Trial> {
    const known = await this.#known(levels, scenes, () => false)
    return [...scenes].sort().map(scene => known.get(scene)!)
  }

  /** The limit that is used most, and where. */
  async worst(levels: Levels, scenes?: readonly string[]): Promise<Worst> {
    return worstOfTrial(await this.trial(levels, scenes))
  }

  /**
   * Whether levels fit on every scene. Scenes that failed lately come first, and after one that fails no other is run.
   * @param keep trials that are to be left for others
   * @returns undefined where there is no trial left to tell
   */
  async fit(levels: Levels, fits: (scene: SceneTrial) => boolean, keep = 0): Promise<boolean | undefined> {
    const failing = (known: Iterable<SceneTrial>) => [...known].find(scene => !fits(scene))
    const asked = this.#asked.get(levelsText(levels))
    if (asked && failing(asked.values())) return false
    if (asked?.size !== this.#scenes.length && this.left <= keep) {
      this.spent = true
      return undefined
    }
    const found = failing((await this.#known(levels, this.#scenes, scene => !fits(scene))).values())
    if (found) this.lead([found.scene])
    return found === undefined
  }

  /** Has some scenes come first. */
  lead(scenes: readonly string[]): void {
    this.#scenes = [...scenes, ...this.#scenes.filter(scene => !scenes.includes(scene))]
  }

  async #known(
    levels: Levels,
    scenes: readonly string[],
    enough: (scene: SceneTrial) => boolean,
  ): Promise<ReadonlyMap<string, SceneTrial>> {
    const text = levelsText(levels)
    const key = sha256(text).slice(0, 32)
    const asked = this.#asked.get(text) ?? new Map<string, SceneTrial>()
    this.#asked.set(text, asked)
    const wanted = scenes.filter(scene => !asked.has(scene))
    if (wanted.length === 0) return asked
    while (wanted.length > 0) {
      const known = this.#ledger.get(`${key} ${wanted[0]}`)
      if (!known) break
      asked.set(wanted.shift()!, known)
      if (enough(known)) wanted.length = 0
    }
    if (wanted.length === 0) this.remembered++
    else await this.#try(levels, { scenes: wanted, enough }, key, asked)
    return asked
  }

  async #try(levels: Levels, on: On, key: string, asked: Map<string, SceneTrial>): Promise<void> {
    const started = performance.now()
    const recipe = isFull(levels) ? 'fp32' : recipeFor(this.units, levels, this.#base)
    const trial = await this.#evaluator.evaluate(recipe, undefined, on)
    for (const scene of trial) {
      this.#ledger.set(`${key} ${scene.scene}`, scene)
      asked.set(scene.scene, scene)
    }
    this.run++
    this.#seconds += (performance.now() - started) / 1000
    this.#onTrial(worstOfTrial(trial), this.run, {
      ...{ done: this.limit - this.left, limit: this.limit, what: this.what },
      seconds: this.#seconds / this.run,
    })
  }
}

/** The file of everything that one question was answered by, on one engine. */
export function ledgerFile(
  { model, precision, scenes, tolerance }: Question,
  { base, arithmetic }: Variants,
  fingerprint: Fingerprint,
  kind = '',
): string {
  const key = honestLine([
    edition,
    fingerprint,
    arithmetic,
    precision,
    recipeText(base),
    model.config.outputs ?? {},
    tolerance ?? {},
    scenes,
    sha256File(join(model.golden.folder, 'manifest.json')),
  ])
  return join(model.cache, 'mend', `${model.name}-${precision}-${kind}${sha256(key).slice(0, 16)}.jsonl`)
}
