import { join } from 'node:path'
import { sha256, sha256File } from '../base/files.ts'
import { honestLine } from '../base/json.ts'
import { engineNamed } from '../gate/engines.ts'
import { recipeText } from '../gate/variant.ts'
import { hashOnnx } from '../onnx/hash.ts'
import {
  type Evaluate,
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

/** Thrown between two trials once a signal came; all that was tried is kept. */
export class Stopped extends Error {}

/** Raised when the same question would be answered otherwise, by a fix of depthgate: old ledgers are then left alone. */
const edition = 1

/** Tries levels of a network's units, each set once: what was tried is read from the ledger, also of an earlier run. */
export class Trials {
  readonly units: readonly Unit[]
  readonly #base: Recipe
  readonly #evaluate: Evaluate
  readonly #ledger: Ledger
  readonly #signal: AbortSignal | undefined
  readonly #onTrial: (worst: Worst, run: number) => void
  /** Trials that were run now, and that an earlier run had made. */
  run = 0
  remembered = 0

  constructor(
    question: Question,
    units: readonly Unit[],
    variants: Variants,
    options: { signal?: AbortSignal; onTrial?: (worst: Worst, run: number) => void } = {},
  ) {
    this.units = units
    this.#base = variants.base
    this.#evaluate = engineEvaluator(question, variants)
    this.#ledger = new Ledger(ledgerFile(question, variants.base))
    this.#signal = options.signal
    this.#onTrial = options.onTrial ?? (() => {})
  }

  async trial(levels: Levels): Promise<Trial> {
    const key = sha256(levelsText(levels)).slice(0, 32)
    const known = this.#ledger.get(key)
    if (known) {
      if (!this.#asked.has(key)) this.remembered++
      this.#asked.add(key)
      return known
    }
    if (this.#signal?.aborted) throw new Stopped()
    const trial = await this.#evaluate(isFull(levels) ? 'fp32' : recipeFor(this.units, levels, this.#base))
    this.#ledger.set(key, trial)
    this.#asked.add(key)
    this.run++
    this.#onTrial(worstOfTrial(trial), this.run)
    return trial
  }

  readonly #asked = new Set<string>()

  /** The limit that is used most, and where. */
  async worst(levels: Levels): Promise<Worst> {
    return worstOfTrial(await this.trial(levels))
  }
}

function ledgerFile({ model, onnx, precision, engine, scenes, tolerance }: Question, base: Recipe): string {
  const key = honestLine([
    edition,
    hashOnnx(onnx),
    precision,
    recipeText(base),
    engineNamed(model, engine).settings,
    model.config.fusion ?? 'on',
    model.config.outputs ?? {},
    tolerance ?? {},
    scenes,
    sha256File(join(model.golden.folder, 'manifest.json')),
  ])
  return join(model.root, '.depthgate/mend', `${model.name}-${precision}-${sha256(key).slice(0, 16)}.jsonl`)
}
