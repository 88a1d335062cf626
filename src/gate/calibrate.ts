import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { readInput } from '../golden/store.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import { readModel } from '../onnx/model.ts'
import { type Calibration, type Calibrator, rangeOf } from '../precision/calibration.ts'
import { emptyHistogram, observe } from '../precision/histogram.ts'
import { type Quantized, quantize } from '../precision/quantize.ts'
import { planQuantization, type QuantizePlan } from '../precision/quantize-plan.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import { chosenRecipe } from './chosen-recipe.ts'
import { type Model, onnxByPrecision, sceneNames } from './config.ts'
import { choiceOf, type QuantizedRecipe, recipeText } from './recipe.ts'

/** How ranges are found where the recipe does not say. */
const defaultMethod = { int8: 'percentile', fp8: 'min-max' } as const
const defaultPercentile = 99.99

/** What a quantised variant was made of. */
export interface QuantizedFacts extends Quantized {
  scenes: string[]
  /** The method, or `calibrator`. */
  method: string
}

/**
 * The int8 or fp8 variant of a model's FP32 ONNX with the rest in FP32, whatever the recipe's is; its activations are
 * calibrated on the model's scenes by the recipe.
 * @param recipe in the place of the config's
 * @param known ranges that were found before, of all that the recipe quantises; with them nothing has to be left to it
 * @throws DepthgateError where a scene makes a tensor that is not finite, and where the recipe or the model does not serve
 */
export async function quantized(
  model: Model,
  precision: QuantizedFormat,
  recipe: QuantizedRecipe = chosenRecipe(model, precision).recipe,
  known?: ReadonlyMap<string, number>,
): Promise<{ model: ModelProto; facts: QuantizedFacts; plan: QuantizePlan }> {
  const onnx = resolve(model.root, onnxByPrecision(model.config).fp32!)
  const scenes = calibrationScenes(model, precision, recipe)
  const method = calibrationOf(model, precision, recipe)
  const made = readModel(onnx)
  const plan = planQuantization(made, choiceOf(recipe, precision), onnx, known !== undefined)
  const ranges = known ?? (await calibrate(model, made, plan.activations, scenes, method, onnx))
  const facts = quantize(made, plan, ranges, onnx)
  return {
    model: made,
    plan,
    facts: { ...facts, scenes, method: typeof method === 'function' ? 'calibrator' : method.method },
  }
}

/** The ranges of all activations that a recipe quantises: they hold for every recipe that quantises less of them. */
export async function calibratedRanges(
  model: Model,
  precision: QuantizedFormat,
  recipe: QuantizedRecipe,
): Promise<ReadonlyMap<string, number>> {
  const onnx = resolve(model.root, onnxByPrecision(model.config).fp32!)
  const network = readModel(onnx)
  const { activations } = planQuantization(network, choiceOf(recipe, precision), onnx)
  const scenes = calibrationScenes(model, precision, recipe)
  return calibrate(model, network, activations, scenes, calibrationOf(model, precision, recipe), onnx)
}

/**
 * Everything beside the FP32 ONNX that the bytes of a quantised variant depend on: the recipe, its functions and patterns
 * as their text, and the scenes' inputs.
 */
export function quantizeKey(
  model: Model,
  precision: QuantizedFormat,
  recipe: QuantizedRecipe = chosenRecipe(model, precision).recipe,
): string[] {
  const inputs = model.golden.manifest.scenes
  const scenes = calibrationScenes(model, precision, recipe)
  return [
    precision,
    recipeText(recipe),
    JSON.stringify(model.golden.manifest.input),
    ...scenes.map(scene => inputs[scene]!.input.sha256),
  ]
}

/** Ranges of activations over scenes. */
async function calibrate(
  { golden, file }: Model,
  onnx: ModelProto,
  tensors: readonly string[],
  scenes: readonly string[],
  method: Calibration | Calibrator,
  path: string,
): Promise<Map<string, number>> {
  const { tap } = await import('../engines/onnxruntime/tap.ts')
  const histograms = new Map(tensors.map(tensor => [tensor, emptyHistogram()]))
  await tap(
    onnx,
    tensors,
    scenes.map(name => ({ name, read: () => readInput(golden, name) })),
    (tensor, scene, { data }) => {
      const odd = observe(histograms.get(tensor)!, data)
      if (odd !== undefined)
        throw new DepthgateError(
          'calibration',
          `${path}: the tensor ${JSON.stringify(tensor)} holds ${odd} on the scene ${scene}, in FP32. Leave that scene out with \`calibration: { scenes: […] }\`, or mend the network`,
        )
    },
    path,
  )
  return new Map(
    [...histograms].map(([tensor, histogram]) => [
      tensor,
      rangeOf(tensor, histogram, method, `${file}: calibrator`),
    ]),
  )
}

/** The scenes that a recipe calibrates on, each once and in the order of their names: the order changes nothing. */
function calibrationScenes(
  model: Model,
  precision: QuantizedFormat,
  { calibration }: QuantizedRecipe,
): string[] {
  const known = sceneNames(model)
  const scenes = calibration?.scenes
  if (!scenes) return known
  const where = `${model.file}: model ${model.name}, recipes.${precision}.calibration.scenes`
  if (scenes.length === 0)
    throw new DepthgateError(
      'calibration',
      `${where}: is empty, so nothing would be calibrated. Name scenes, or leave it out for all`,
    )
  for (const scene of scenes)
    if (!known.includes(scene))
      throw new DepthgateError(
        'calibration',
        `${where}: its golden has no scene ${JSON.stringify(scene)}${didYouMean(scene, known)}`,
      )
  return [...new Set(scenes)].sort()
}

/** How a recipe finds ranges. Throws where it says two things, or one that the format cannot use. */
function calibrationOf(
  { file, name }: Model,
  precision: QuantizedFormat,
  { calibration = {}, calibrator }: QuantizedRecipe,
): Calibration | Calibrator {
  const { method = defaultMethod[precision], percentile = defaultPercentile } = calibration
  const refuse = (reason: string): never => {
    throw new DepthgateError('calibration', `${file}: model ${name}, recipes.${precision}: ${reason}`)
  }
  if (calibration.percentile !== undefined && (calibrator || method !== 'percentile'))
    refuse(`\`percentile\` is read by the method 'percentile' only. Remove it, or choose that method`)
  if (calibrator) {
    if (calibration.method) refuse('has a `calibrator` and a method. Remove one')
    return calibrator
  }
  if (precision === 'fp8' && method === 'entropy')
    refuse(
      "'entropy' weighs 128 equal steps, which float8 does not have. Choose 'min-max' or 'percentile', or write a `calibrator`",
    )
  return { method, percentile }
}
