import { engineNamed } from '../gate/engines.ts'
import { type ReducedRecipe, sumsInFp16 } from '../gate/recipe.ts'
import type { Question } from './evaluator.ts'
import { type Recipe, type Variants, variantsOf } from './variants.ts'

/** What is searched on in the place of an engine on which every trial is a build. */
export interface Guide {
  question: Question
  variants: Variants
}

/** The name of emulation on the CPU among engines, where none is named. */
const emulation = 'emulation'

/** The guide of a question: emulation on the CPU, or by the kernels of another engine of the config. */
export function guideFor(question: Question, base: Recipe, name?: string): Guide {
  const { model } = question
  const engine = name === undefined ? emulation : engineNamed(model, name).name
  const engines = new Map(model.engines)
  if (name === undefined) engines.set(emulation, { engine: 'onnxruntime' })
  const asked: Question = { ...question, engine, arithmetic: 'emulated', model: { ...model, engines } }
  return { question: asked, variants: variantsOf(asked, base) }
}

/** What is searched on in the place of an engine: TensorRT takes minutes for a trial, all others seconds. */
export function guideOf(question: Question, base: Recipe, name?: string): Guide | undefined {
  const { settings } = engineNamed(question.model, question.engine)
  if (name === question.engine || (name === undefined && settings.engine !== 'tensorrt')) return undefined
  return guideFor(question, base, name)
}

/** Whether a guide sums products in the format where its recipe says so; kernels of a GPU may without being told. */
export function seesSums({ variants: { arithmetic, base } }: Guide): boolean {
  return arithmetic === 'emulated' && sumsInFp16(base as ReducedRecipe)
}
