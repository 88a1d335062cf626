import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { RoundedFormat } from '../precision/round.ts'
import { type Model, onnxByPrecision } from './config.ts'
import { type PrecisionPlan, planRecipe, readPlan } from './precision-plan.ts'
import type { QuantizedRecipe, ReducedRecipe } from './recipe.ts'

type Format = PrecisionPlan['precision']
export type RecipeOf<Precision extends Format> = Precision extends RoundedFormat
  ? ReducedRecipe
  : QuantizedRecipe

interface Chosen<Recipe> {
  recipe: Recipe
  /** What a reader of the figures must know. */
  notes: readonly string[]
}

/** Plans fitted to an ONNX: a large one is not hashed for every scene. */
const fitted = new Map<string, Chosen<ReducedRecipe | QuantizedRecipe>>()

/** The recipe of a model's precision; empty where the config has none. A plan is read and fitted to the FP32 ONNX. */
export function chosenRecipe<Precision extends Format>(
  { config, root }: Model,
  precision: Precision,
): Chosen<RecipeOf<Precision>> {
  const own = config.recipes?.[precision] ?? {}
  if (typeof own !== 'string') return { recipe: own as RecipeOf<Precision>, notes: [] }
  const [file, onnx] = [resolve(root, own), resolve(root, onnxByPrecision(config).fp32!)]
  const key = JSON.stringify([precision, file, onnx].map(path => [path, factsOf(path)]))
  const chosen = fitted.get(key) ?? planRecipe(readPlan(file, precision), onnx, file)
  fitted.set(key, chosen)
  return chosen as Chosen<RecipeOf<Precision>>
}

/** The recipe that a plan was made on top of, where the config names one; else the config's own. A plan may be yet to be made. */
export function recipeBelowPlan(
  { config, root }: Model,
  precision: Format,
): Chosen<ReducedRecipe | QuantizedRecipe> {
  const own = config.recipes?.[precision] ?? {}
  if (typeof own !== 'string') return { recipe: own, notes: [] }
  const file = resolve(root, own)
  if (existsSync(file)) return { recipe: readPlan(file, precision).recipe, notes: [] }
  return {
    recipe: {},
    notes: [`${file}, which the config names, is not there yet: the recipe beneath is empty`],
  }
}

function factsOf(path: string): unknown[] {
  const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? {}
  return [mtimeMs, size]
}
