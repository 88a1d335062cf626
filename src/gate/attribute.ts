import { DepthgateError } from '../base/errors.ts'
import type { Fusion, Precision } from '../engines/engine.ts'
import type { EngineSettings } from '../engines/settings.ts'
import { readTruth } from '../golden/store.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { decideCause, hasCorners, nodesHint } from './cause.ts'
import { chosenRecipe } from './chosen-recipe.ts'
import { type Model, onnxByPrecision } from './config.ts'
import { distance } from './distance.ts'
import { engineNamed } from './engines.ts'
import { exportFailure } from './export-failure.ts'
import { type Inference, inferModel, type MadeHere } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import { type QuantizedRecipe, type ReducedRecipe, type Rest, sumsInFp16, withRest } from './recipe.ts'
import type { Attribution, Corner, Verdict } from './verdict.ts'

/** One run of an attribution. */
interface Step {
  precision: Precision
  fusion: Fusion
  sums?: 'fp32' | 'engine'
  rest?: Rest
  given?: true
  /** How it is made from the FP32 ONNX; absent for what runs as the config says. */
  made?: MadeHere
}

/**
 * Finds out which step makes a scene fail, by running the corners: FP32 without and with fusion, and the precision (of a
 * quantised one with a reduced rest first with its rest in FP32) with its products summed in FP32, as the engine sums
 * them, and fused as well; all held to the tolerance of the precision. The
 * failing run itself is one of them and is not run again. A corner that cannot be run is told, not thrown. `undefined`
 * where there is no FP32 ONNX to start from, or it cannot be told.
 */
export async function attribute(
  model: Model,
  failing: Inference,
  verdict: Verdict,
): Promise<Attribution | undefined> {
  const { settings } = engineNamed(model, failing.engine)
  if (!hasCorners(model.config, verdict)) return undefined
  const told = verdict.outputs.find(({ pass }) => !pass) ?? verdict.outputs[0]!
  const range = model.config.outputs?.[told.output]?.range
  const golden = readTruth(model.golden, failing.scene, told.output)

  const corners: Corner[] = []
  let before = golden
  let known: string | undefined
  for (const { made, ...step } of stepsOf(model, failing, isPlan(settings))) {
    const inference = await cornerOf(model, failing, step, made)
    if (typeof inference === 'string') {
      const arithmetic = failing.fingerprint.arithmetic
      corners.push({ ...step, arithmetic, problem: inference, pass: false, error: NaN, added: NaN })
      continue
    }
    const { pass, outputs } = judgeInference(model, { ...inference, precision: failing.precision }).verdict
    const actual = inference.outputs[told.output]
    corners.push({
      ...step,
      arithmetic: inference.fingerprint.arithmetic,
      pass,
      error: distance(golden, actual, range),
      added: distance(before, actual, range),
    })
    if (actual !== undefined) before = actual
    // the first corner: FP32 without fusion
    if (corners.length === 1 && !pass) known = await exportFailure(model, inference, outputs)
  }
  const { cause, reason } = decideCause(corners, known)
  const [first] = model.engines.keys()
  const hint = nodesHint(cause, corners, {
    ...{ model: model.name, scene: failing.scene },
    ...(failing.engine !== first && { engine: failing.engine }),
  })
  return {
    cause,
    reason: `${reason}${hint}`,
    output: told.output,
    unit: typeof golden === 'number' ? '°' : 'absRel',
    corners,
  }
}

/** Whether TensorRT is given more than a strongly typed ONNX: a plan, or the choice of types. */
function isPlan(settings: EngineSettings): boolean {
  return settings.engine === 'tensorrt' && (settings.plan !== undefined || settings.typing === 'weak')
}

/** What is run, in the order in which a model goes through the steps; the failing run is the last. */
function stepsOf(model: Model, { precision, fingerprint }: Inference, plan: boolean): Step[] {
  const fused = fingerprint.fusion === 'on'
  const whole = fused ? 'on' : 'off'
  const made = {}
  const steps: Step[] = [{ precision: 'fp32', fusion: 'off', made }]
  if (fused) steps.push({ precision: 'fp32', fusion: 'on', made })
  if (precision === 'fp32') return plan ? [...steps, { precision, fusion: whole, given: true }] : steps

  const own = onnxByPrecision(model.config)[precision] !== undefined
  const emulated = own ? fingerprint.provider === 'cpu' : fingerprint.arithmetic === 'emulated'
  const reduced: Step[] = []
  if (precision === 'fp16' || precision === 'bf16') {
    const { recipe } = chosenRecipe(model, precision)
    reduced.push(...sumSteps({ precision }, recipe, precision, emulated, fused && !own))
  } else if (!own) {
    const recipe: QuantizedRecipe = precision === 'tf32' ? {} : chosenRecipe(model, precision).recipe
    const { rest = 'fp32' } = recipe
    if (rest === 'fp32' || precision === 'tf32') {
      reduced.push({ precision, fusion: 'off', made })
      if (fused) reduced.push({ precision, fusion: 'on', made })
    } else {
      reduced.push({
        precision,
        fusion: 'off',
        rest: 'fp32',
        made: { recipe: withRest(recipe, 'fp32') },
      })
      reduced.push(...sumSteps({ precision, rest }, recipe, rest, emulated, fused))
    }
  }
  if (plan) return [...steps, ...reduced, { precision, fusion: whole, given: true }]
  if (!own) return [...steps, ...reduced]
  const given: Step[] = [{ precision, fusion: 'off', given: true }]
  if (fused) given.push({ precision, fusion: 'on', given: true })
  return [...steps, ...reduced, ...given]
}

/** A reduced format with its products summed in FP32, as the engine sums them, and fused. */
function sumSteps(
  step: Pick<Step, 'precision' | 'rest'>,
  recipe: ReducedRecipe | QuantizedRecipe,
  format: RoundedFormat,
  emulated: boolean,
  fused: boolean,
): Step[] {
  const { accumulate = 'engine' } = recipe
  // an emulation sums in FP32 unless it is told otherwise; kernels of bf16 always do
  const sumsLow = format === 'fp16' && (emulated ? sumsInFp16({ accumulate }) : accumulate !== 'fp32')
  const sums = sumsLow ? 'engine' : 'fp32'
  const made = {}
  const steps: Step[] = [{ ...step, fusion: 'off', sums, made }]
  if (sumsLow)
    steps.unshift({
      ...step,
      fusion: 'off',
      sums: 'fp32',
      made: { recipe: { ...recipe, accumulate: 'fp32' } },
    })
  if (fused) steps.push({ ...step, fusion: 'on', sums, made })
  return steps
}

/** The run of a corner, or why it could not be. */
async function cornerOf(
  model: Model,
  failing: Inference,
  { precision, fusion, given }: Step,
  made: MadeHere | undefined,
): Promise<Inference | string> {
  const { scene, engine, fingerprint } = failing
  const asItFailed =
    precision === failing.precision && fusion === fingerprint.fusion && made?.recipe === undefined
  // where the config gives what failed, what is made here is another run
  if (asItFailed && (given || !isGiven(model, failing))) return failing
  try {
    return await inferModel(model, { scene, precision, fusion, engine }, made)
  } catch (thrown) {
    if (thrown instanceof DepthgateError) return thrown.message
    throw thrown
  }
}

function isGiven(model: Model, { precision, engine }: Inference): boolean {
  return (
    isPlan(engineNamed(model, engine).settings) ||
    (precision !== 'fp32' && onnxByPrecision(model.config)[precision] !== undefined)
  )
}
