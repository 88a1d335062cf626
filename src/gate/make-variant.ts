import { DepthgateError } from '../base/errors.ts'
import type { ModelProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { type PlacedNode, placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { opsetOf } from '../onnx/nodes.ts'
import { sumInFp16 } from '../precision/accumulate.ts'
import { type Conversion, type Converted, convert, type QuantizedBefore } from '../precision/convert.ts'
import { chooseNodes } from '../precision/keep.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { type ReducedRecipe, sumsInFp16 } from './recipe.ts'

/** What is worth keeping of how a variant was made. */
export interface VariantFacts {
  /** Weights that the format could not hold, by tensor. */
  clamped: { tensor: string; count: number }[]
  flushed: { tensor: string; count: number }[]
  /** Products that are summed in FP16, where the recipe asks for it. */
  summed?: number
}

/** The fp16 or bf16 variant of an FP32 model. @param round how weights are rounded, where it is not in memory */
export async function makeReduced(
  onnx: string,
  format: RoundedFormat,
  arithmetic: 'native' | 'emulated',
  recipe: ReducedRecipe,
  round?: Conversion['round'],
): Promise<{ model: ModelProto; facts: VariantFacts; converted: Converted }> {
  const model = readModel(onnx)
  return { model, ...(await reduceModel(model, onnx, format, arithmetic, recipe, undefined, round)) }
}

/**
 * Makes an FP32 model, or one that was quantised out of it, the fp16 or bf16 variant, in place.
 * @param quantized the plan by which it was quantised, where it was
 */
export async function reduceModel(
  model: ModelProto,
  onnx: string,
  format: RoundedFormat,
  arithmetic: 'native' | 'emulated',
  { accumulate = 'engine', ...recipe }: ReducedRecipe,
  quantized?: QuantizedBefore,
  round?: Conversion['round'],
): Promise<{ facts: VariantFacts; converted: Converted }> {
  const sumsLow = sumsInFp16({ accumulate })
  if (sumsLow && format !== 'fp16')
    throw new DepthgateError(
      'precision',
      `${onnx}: accumulate: 'fp16' belongs to the fp16 recipe; kernels of ${format} sum in FP32`,
    )
  const low = lowSums(quantized?.placed ?? [...placedNodes(model.graph!)], accumulate)
  const converted = convert(
    model,
    {
      ...{ ...recipe, format, arithmetic, accumulate: accumulate === 'fp16' ? 'engine' : accumulate },
      ...(round && { round }),
    },
    onnx,
    quantized,
  )
  const facts: VariantFacts = { clamped: counts(converted, 'clamped'), flushed: counts(converted, 'flushed') }
  if (sumsLow && arithmetic === 'emulated') {
    if (opsetOf(model) < 13)
      throw new DepthgateError(
        'precision',
        `${onnx}: accumulate: 'fp16' takes products apart with operators of opset 13; this is opset ${opsetOf(model)}. Export it with opset 13 or later`,
      )
    const { tensorShapes } = await import('../engines/onnxruntime/shapes.ts')
    const shapes = await tensorShapes(model, onnx)
    facts.summed = sumInFp16(
      model,
      name => shapes.get(name),
      node => converted.reduced.has(node) && low(node),
    )
  }
  return { facts, converted }
}

/** The nodes whose products an emulation may sum in FP16: all but those that the recipe lists. */
export function lowSums(
  placed: readonly PlacedNode[],
  accumulate: NonNullable<ReducedRecipe['accumulate']>,
): (node: NodeProto) => boolean {
  if (!sumsInFp16({ accumulate })) return () => false
  if (typeof accumulate === 'string') return () => true
  const listed = chooseNodes(accumulate.fp32, placed, 'accumulate.fp32')
  const nodes = new Set(placed.filter(listed).map(({ node }) => node))
  return node => !nodes.has(node)
}

function counts({ weights }: Converted, what: 'clamped' | 'flushed'): VariantFacts['clamped'] {
  return weights
    .filter(weight => weight[what] > 0)
    .map(weight => ({ tensor: weight.tensor, count: weight[what] }))
}
