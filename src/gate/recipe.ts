import type { CalibrationMethod, Calibrator } from '../precision/calibration.ts'
import type { NodePattern } from '../precision/keep.ts'
import type { QuantizeChoice } from '../precision/quantize-plan.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import { roundedFormats } from '../precision/round.ts'

/** What a quantised network computes in where it is not quantised. */
export const rests = ['fp32', ...roundedFormats] as const
export type Rest = (typeof rests)[number]

/** How depthgate makes the fp16 or bf16 variant of a model. */
export interface ReducedRecipe {
  /** Nodes that stay FP32: by name, operator type, `#place`, or a pattern over names (`/regex/` or a RegExp). */
  keep?: readonly NodePattern[]
  /**
   * Where MatMul, Gemm, Conv and ConvTranspose are summed. `engine`, the default: as its kernels do; an emulation sums in
   * FP32. `fp32`: Casts around them, which TensorRT turns into FP32 accumulation, or around those that are listed.
   * `fp16`: an emulation sums in FP16 too, 16 products at a time, as FP16 tensor cores may; for small networks. With
   * `rest: 'fp16'` beside a list, it sums those that are not listed so.
   */
  accumulate?: 'engine' | 'fp32' | 'fp16' | { fp32: readonly NodePattern[]; rest?: 'fp16' }
  /** Weights under half of fp16's smallest become zero instead of ±2⁻²⁴. */
  flushTiny?: boolean
}

/** Nodes that are not computed as a recipe says, by patterns. */
export interface OtherNodes {
  fp32: readonly string[]
  /** Products that are summed in FP32. */
  sums?: readonly string[]
  /** Nodes that a quantised recipe leaves to its rest. */
  rest?: readonly string[]
}

/** A recipe with more nodes that are not computed as the precision says. */
export function withNodes<Recipe extends ReducedRecipe | QuantizedRecipe>(
  base: Recipe,
  { fp32, sums = [], rest: unquantized = [] }: OtherNodes,
): Recipe {
  const { keep = [], keepFp32 = [], rest: of = 'fp32' } = base as QuantizedRecipe
  const accumulate = 'accumulate' in base ? base.accumulate : undefined
  const listed = typeof accumulate === 'object' ? accumulate.fp32 : []
  const rest = sumsInFp16(base as ReducedRecipe) ? { rest: 'fp16' as const } : {}
  return {
    ...base,
    ...addedTo('keep', keep, of === 'fp32' ? [...unquantized, ...fp32] : unquantized),
    ...addedTo('keepFp32', keepFp32, of === 'fp32' ? [] : fp32),
    ...(sums.length > 0 && { accumulate: { fp32: [...listed, ...sums], ...rest } }),
  }
}

function addedTo(key: 'keep' | 'keepFp32', before: readonly NodePattern[], more: readonly string[]) {
  return before.length + more.length > 0 && { [key]: [...before, ...more] }
}

/**
 * How depthgate makes the int8 or fp8 variant of a model. `rest` is what is not quantised, `keep` names nodes that are of
 * it, `keepFp32` nodes that are FP32 beside a rest of fp16 or bf16; the other keys choose what is quantised.
 */
export interface QuantizedRecipe extends Omit<QuantizeChoice, 'format'> {
  /** What is not quantised: by default it stays FP32. */
  rest?: Rest
  /** Where products of an fp16 or bf16 rest are summed; as in their own recipes. */
  accumulate?: NonNullable<ReducedRecipe['accumulate']>
  calibration?: {
    /** How ranges of activations are found. */
    method?: CalibrationMethod
    /** Which share of the values `percentile` keeps, in per cent; by default 99.99. */
    percentile?: number
    /** By default all scenes of the model's golden. */
    scenes?: string[]
  }
  /** Finds ranges in the place of a method. Its text is part of the variant's key; what it reads elsewhere is not. */
  calibrator?: Calibrator
}

/** A quantised recipe with another rest. */
export function withRest({ accumulate, ...recipe }: QuantizedRecipe, rest: Rest): QuantizedRecipe {
  return { ...recipe, ...(rest !== 'fp32' && accumulate !== undefined && { accumulate }), rest }
}

/** What of a recipe says which nodes are quantised. */
export function choiceOf(
  { rest: _, calibration: __, calibrator: ___, accumulate: ____, ...choice }: QuantizedRecipe,
  format: QuantizedFormat,
): QuantizeChoice {
  return { ...choice, format }
}

/** Whether an emulation by this recipe sums products in FP16: all, or those that it does not list. */
export function sumsInFp16({ accumulate }: ReducedRecipe): boolean {
  return accumulate === 'fp16' || (typeof accumulate === 'object' && accumulate.rest === 'fp16')
}

/** A recipe as text, for keys; a RegExp would be `{}` in JSON, and a function nothing. */
export function recipeText(recipe: ReducedRecipe | QuantizedRecipe): string {
  return JSON.stringify(recipe, (_key, value) =>
    value instanceof RegExp || typeof value === 'function' ? String(value) : value,
  )
}
