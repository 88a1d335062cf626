import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { checkChoice } from '../base/options.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import { type QuantizedFacts, quantized } from './calibrate.ts'
import { type Model, onnxByPrecision } from './config.ts'
import { reduceModel, type VariantFacts } from './make-variant.ts'
import { type QuantizedRecipe, rests } from './recipe.ts'

/**
 * The int8 or fp8 variant of a model's FP32 ONNX: quantised, then the rest converted to what the recipe says. With a rest
 * in FP32 it is the same for every arithmetic.
 * @param known ranges that were found before, of all that the recipe quantises
 */
export async function makeQuantized(
  model: Model,
  precision: QuantizedFormat,
  arithmetic: 'native' | 'emulated',
  recipe: QuantizedRecipe,
  known?: ReadonlyMap<string, number>,
): Promise<{ model: ModelProto; facts: QuantizedFacts & Partial<VariantFacts> }> {
  const { rest = 'fp32', keepFp32, accumulate } = recipe
  checkChoice(rest, rests, `${model.file}: model ${model.name}, recipes.${precision}: rest`)
  if (rest === 'fp32' && accumulate !== undefined)
    throw new DepthgateError(
      'precision',
      `${model.file}: model ${model.name}, recipes.${precision}: \`accumulate\` is for products of a rest in fp16 or bf16. Remove it, or choose such a \`rest\``,
    )
  const { model: made, facts, plan } = await quantized(model, precision, recipe, known)
  if (rest === 'fp32') return { model: made, facts }
  const onnx = resolve(model.root, onnxByPrecision(model.config).fp32!)
  const reduced = await reduceModel(
    made,
    onnx,
    rest,
    arithmetic,
    { ...(keepFp32 && { keep: keepFp32 }), ...(accumulate !== undefined && { accumulate }) },
    plan,
  )
  return { model: made, facts: { ...facts, ...reduced.facts } }
}
