import { type DepthMap, packed } from '../depth/depth-map.ts'
import type { Fusion, Precision } from '../engines/engine.ts'
import { readTruth, type Truth } from '../golden/store.ts'
import { fovErrorDeg, measure } from '../metrics/index.ts'
import { decideCause } from './cause.ts'
import { type Model, onnxByPrecision } from './config.ts'
import type { Range } from './define-config.ts'
import { type Inference, inferModel } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import { type ReducedRecipe, reducedRecipe } from './recipe.ts'
import type { Attribution, Corner, Verdict } from './verdict.ts'

/** One run of an attribution. */
interface Step {
  precision: Precision
  fusion: Fusion
  sums?: 'fp32' | 'engine'
  /** How the precision is made, where it is not as the config says. */
  recipe?: ReducedRecipe
}

/**
 * Finds out which step makes a scene fail, by running the corners: FP32 without and with fusion, and the precision with its
 * products summed in FP32, as the engine sums them, and fused as well; all held to the tolerance of the precision. The
 * failing run itself is one of them and is not run again. `undefined` where the config names no FP32 model to start from.
 */
export async function attribute(
  model: Model,
  failing: Inference,
  verdict: Verdict,
): Promise<Attribution | undefined> {
  if (onnxByPrecision(model.config).fp32 === undefined) return undefined
  const told = verdict.outputs.find(({ pass }) => !pass) ?? verdict.outputs[0]!
  const range = model.config.outputs?.[told.output]?.range
  const golden = readTruth(model.golden, failing.scene, told.output)

  const corners: Corner[] = []
  let before = golden
  for (const { recipe, ...step } of stepsOf(model, failing)) {
    const inference = await cornerOf(model, failing, step, recipe)
    const { pass } = judgeInference(model, { ...inference, precision: failing.precision }).verdict
    const actual = inference.outputs[told.output]
    corners.push({
      ...step,
      arithmetic: inference.fingerprint.arithmetic,
      pass,
      error: distance(golden, actual, range),
      added: distance(before, actual, range),
    })
    if (actual !== undefined) before = actual
  }
  const { cause, reason } = decideCause(corners)
  return { cause, reason, output: told.output, unit: typeof golden === 'number' ? '°' : 'absRel', corners }
}

/** What is run, in the order in which a model goes through the steps; the failing run is the last. */
function stepsOf(model: Model, { precision, fingerprint }: Inference): Step[] {
  const fused = fingerprint.fusion === 'on'
  const steps: Step[] = [{ precision: 'fp32', fusion: 'off' }]
  if (fused) steps.push({ precision: 'fp32', fusion: 'on' })
  if (precision === 'fp32') return steps
  const made = onnxByPrecision(model.config)[precision] === undefined
  if (made && (precision === 'fp16' || precision === 'bf16')) {
    const own = reducedRecipe(model, precision)
    const emulated = fingerprint.arithmetic === 'emulated'
    // an emulation sums in FP32 unless it is told otherwise; kernels of bf16 always do
    const sumsLow = precision === 'fp16' && (emulated ? own.accumulate === 'fp16' : own.accumulate !== 'fp32')
    const sums = sumsLow ? 'engine' : 'fp32'
    if (sumsLow)
      steps.push({ precision, fusion: 'off', sums: 'fp32', recipe: { ...own, accumulate: 'fp32' } })
    steps.push({ precision, fusion: 'off', sums })
    if (fused) steps.push({ precision, fusion: 'on', sums })
    return steps
  }
  steps.push({ precision, fusion: 'off' })
  if (fused) steps.push({ precision, fusion: 'on' })
  return steps
}

async function cornerOf(
  model: Model,
  failing: Inference,
  { precision, fusion }: Step,
  recipe: ReducedRecipe | undefined,
): Promise<Inference> {
  if (precision === failing.precision && fusion === failing.fingerprint.fusion && recipe === undefined)
    return failing
  const { scene, engine } = failing
  return inferModel(model, { scene, precision, fusion, engine }, recipe)
}

/** Mean relative error of two maps, or degrees between two fields of view; NaN where they cannot be compared. */
function distance(golden: Truth, actual: Truth | undefined, range: Range | undefined): number {
  if (actual === undefined || typeof golden !== typeof actual) return Number.NaN
  if (typeof golden === 'number') return fovErrorDeg(golden, actual as number)
  const [a, [height = 0, width = 0]] = [actual as DepthMap, golden.shape]
  if (a.shape[0] !== height || a.shape[1] !== width) return Number.NaN
  const { metrics, actualNonFinite } = measure({
    golden: packed(golden),
    actual: packed(a),
    width,
    height,
    ...range,
  })
  return actualNonFinite > 0 ? Number.NaN : metrics.absRel
}
