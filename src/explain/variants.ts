import { join } from 'node:path'
import { providerOf } from '../engines/settings.ts'
import { calibratedRanges } from '../gate/calibrate.ts'
import { engineNamed } from '../gate/engines.ts'
import { makeQuantized } from '../gate/make-quantized.ts'
import { makeReduced } from '../gate/make-variant.ts'
import { choiceOf, type QuantizedRecipe, type ReducedRecipe } from '../gate/recipe.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import type { PlacedNode } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { type Probe, probe } from '../precision/probe.ts'
import { probeQuantized } from '../precision/probe-quantized.ts'
import { isQuantized, type QuantizedFormat } from '../precision/quantized-weight.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { type Candidates, lowPlaces, quantizedCandidates, reducedCandidates } from './candidates.ts'
import type { Question } from './evaluator.ts'
import { TrialStore } from './store.ts'

/** What a precision is made by. */
export type Recipe = ReducedRecipe | QuantizedRecipe
/** Precisions that depthgate makes. */
export type MadeFormat = RoundedFormat | QuantizedFormat
export type Arithmetic = 'native' | 'emulated'

/** The networks of one model at one precision, by whatever recipe on top of the first. */
export interface Variants {
  /** What nodes are kept on top of. */
  base: Recipe
  /** How the engine computes it. */
  arithmetic: Arithmetic
  candidates(): Candidates
  make(recipe: Recipe, arithmetic?: Arithmetic): Promise<ModelProto>
  /** Writes what the engine is to run, beside the weights that all trials share. Returns its path, to be removed by the caller. */
  write(recipe: Recipe): Promise<string>
  /** The network in FP32, in the precision and node by node, for the CPU. */
  probe(): Promise<Probe>
}

/** Everything that is made of a model for a precision, on top of a recipe. */
export function variantsOf(question: Question, base: Recipe): Variants {
  const { model, onnx, precision } = question
  const store = new TrialStore(join(model.cache, 'mend'))
  const made = isQuantized(precision)
    ? quantizedVariants(question, precision, base)
    : reducedVariants(question, precision, base as ReducedRecipe, store.round)
  return { ...made, write: async recipe => store.write(await made.make(recipe), onnx) }
}

type Made = Omit<Variants, 'write'>

/** How an engine computes fp16 and bf16. */
function arithmeticOf({ model, engine, arithmetic }: Question): Arithmetic {
  const onCpu = providerOf(engineNamed(model, engine).settings) === 'cpu'
  return arithmetic ?? (onCpu ? 'emulated' : 'native')
}

function reducedVariants(
  question: Question,
  format: RoundedFormat,
  base: ReducedRecipe,
  round: TrialStore['round'],
): Made {
  const { onnx } = question
  const arithmetic = arithmeticOf(question)
  return {
    base,
    arithmetic,
    candidates: () => reducedCandidates(onnx, format, arithmetic, base, round),
    make: async (recipe, how = arithmetic) =>
      (await makeReduced(onnx, format, how, recipe as ReducedRecipe, round)).model,
    probe: async () => {
      const { accumulate = 'engine', ...recipe } = base
      const low = lowPlaces(onnx, accumulate)
      const choice = { ...recipe, format, round, sumsLow: ({ id }: PlacedNode) => low.has(id) }
      return probe(() => readModel(onnx), choice, onnx)
    },
  }
}

/**
 * Quantised networks are the same for every engine but for a reduced rest. Ranges are found once: less is quantised, never
 * more. Tensors are looked at with the rest in FP32.
 */
function quantizedVariants(question: Question, format: QuantizedFormat, base: QuantizedRecipe): Made {
  const { model, onnx } = question
  let found: Promise<ReadonlyMap<string, number>> | undefined
  const ranges = () => {
    found ??= calibratedRanges(model, format, base)
    return found
  }
  const { rest = 'fp32' } = base
  const arithmetic = rest === 'fp32' ? 'native' : arithmeticOf(question)
  return {
    base,
    arithmetic,
    candidates: () => quantizedCandidates(onnx, format, base, arithmetic),
    make: async (recipe, how = arithmetic) =>
      (await makeQuantized(model, format, how, recipe as QuantizedRecipe, await ranges())).model,
    probe: async () => probeQuantized(() => readModel(onnx), choiceOf(base, format), await ranges(), onnx),
  }
}
