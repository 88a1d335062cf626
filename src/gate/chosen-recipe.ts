import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Model, onnxByPrecision } from './config.ts'
import { planRecipe, readPlan } from './precision-plan.ts'
import type { ReducedRecipe } from './recipe.ts'

interface Chosen {
  recipe: ReducedRecipe
  /** What a reader of the figures must know. */
  notes: readonly string[]
}

/** Plans fitted to an ONNX: a large one is not hashed for every scene. */
const fitted = new Map<string, Chosen>()

/** The recipe of a model's precision; empty where the config has none. A plan is read and fitted to the FP32 ONNX. */
export function reducedRecipe({ config, root }: Model, precision: 'fp16' | 'bf16'): Chosen {
  const recipe = config.recipes?.[precision] ?? {}
  if (typeof recipe !== 'string') return { recipe, notes: [] }
  const [file, onnx] = [resolve(root, recipe), resolve(root, onnxByPrecision(config).fp32!)]
  const key = JSON.stringify([file, onnx, precision].map(path => [path, factsOf(path)]))
  const chosen = fitted.get(key) ?? planRecipe(readPlan(file, precision), onnx, file)
  fitted.set(key, chosen)
  return chosen
}

/** The recipe that a plan was made on top of, where the config names one; else the config's own. */
export function recipeBelowPlan({ config, root }: Model, precision: 'fp16' | 'bf16'): ReducedRecipe {
  const recipe = config.recipes?.[precision] ?? {}
  return typeof recipe === 'string' ? readPlan(resolve(root, recipe), precision).recipe : recipe
}

function factsOf(path: string): unknown[] {
  const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? {}
  return [mtimeMs, size]
}
