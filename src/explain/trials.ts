import { join } from 'node:path'
import { sha256, sha256File } from '../base/files.ts'
import { honestLine } from '../base/json.ts'
import type { Fingerprint } from '../engines/engine.ts'
import { recipeText } from '../gate/recipe.ts'
import {
  type Evaluator,
  engineEvaluator,
  type Question,
  type Trial,
  type Worst,
  worstOfTrial,
} from './evaluator.ts'
import { Ledger } from './ledger.ts'
import { isFull, type Levels, levelsText, recipeFor } from './levels.ts'
import type { Unit } from './units.ts'
import type { Recipe, Variants } from './variants.ts'

/** Raised when the same question would be answered otherwise, by a fix of depthgate: old ledgers are then left alone. */
const edition = 3

export interface TrialOptions {
  onTrial?: (worst: Worst, run: number) => void
}

/** Tries levels of a network's units, each set once: what was tried is read from the ledger, also of an earlier run. */
export class Trials {
  readonly units: readonly Unit[]
  readonly #base: Recipe
  readonly #evaluator: Evaluator
  readonly #asked = new Set<string>()
  readonly #ledger: Ledger
  readonly #onTrial: (worst: Worst, run: number) => void
  /** Trials that were run now, and that an earlier run had made. */
  run = 0
  remembered = 0

  private constructor(
    units: readonly Unit[],
    base: Recipe,
    evaluator: Evaluator,
    ledger: Ledger,
    { onTrial = () => {} }: TrialOptions,
  ) {
    this.units = units
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
    const ledger = new Ledger(ledgerFile(question, variants, await evaluator.fingerprint()))
    return new Trials(units, variants.base, evaluator, ledger, options)
  }

  async trial(levels: Levels): Promise<Trial> {
    const key = sha256(levelsText(levels)).slice(0, 32)
    const known = this.#ledger.get(key)
    if (known) {
      if (!this.#asked.has(key)) this.remembered++
      this.#asked.add(key)
      return known
    }
    const recipe = isFull(levels) ? 'fp32' : recipeFor(this.units, levels, this.#base)
    const trial = await this.#evaluator.evaluate(recipe)
    this.#ledger.set(key, trial)
    this.#asked.add(key)
    this.run++
    this.#onTrial(worstOfTrial(trial), this.run)
    return trial
  }

  /** The limit that is used most, and where. */
  async worst(levels: Levels): Promise<Worst> {
    return worstOfTrial(await this.trial(levels))
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
  return join(
    model.root,
    '.depthgate/mend',
    `${model.name}-${precision}-${kind}${sha256(key).slice(0, 16)}.jsonl`,
  )
}
