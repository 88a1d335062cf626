import { type DepthMap, packed } from '../depth/depth-map.ts'
import type { Fusion, Precision } from '../engines/engine.ts'
import { readTruth, type Truth } from '../golden/store.ts'
import { fovErrorDeg, measure } from '../metrics/index.ts'
import { type Model, onnxByPrecision } from './config.ts'
import type { Range } from './define-config.ts'
import { type Inference, inferModel } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import type { Attribution, Cause, Corner, Verdict } from './verdict.ts'

/** What is run to find the step that costs too much, in the order in which a model goes through the steps. */
const steps: readonly { fusion: Fusion; reduced: boolean }[] = [
  { fusion: 'off', reduced: false },
  { fusion: 'on', reduced: false },
  { fusion: 'off', reduced: true },
  { fusion: 'on', reduced: true },
]

/**
 * Finds out which step makes a scene fail, by running the corners: FP32 and the precision, each without and with fusion,
 * all held to the tolerance of the precision. The failing run itself is one of them and is not run again. `undefined`
 * where the config names no FP32 model to start from.
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
  for (const { fusion, reduced } of steps) {
    const precision = reduced ? failing.precision : 'fp32'
    if (
      (reduced && failing.precision === 'fp32') ||
      (fusion === 'on' && failing.fingerprint.fusion === 'off')
    )
      continue
    const inference = await cornerOf(model, failing, precision, fusion)
    const { pass } = judgeInference(model, { ...inference, precision: failing.precision }).verdict
    const actual = inference.outputs[told.output]
    corners.push({
      precision,
      fusion,
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

async function cornerOf(
  model: Model,
  failing: Inference,
  precision: Precision,
  fusion: Fusion,
): Promise<Inference> {
  if (precision === failing.precision && fusion === failing.fingerprint.fusion) return failing
  return inferModel(model, {
    scene: failing.scene,
    precision,
    fusion,
    provider: failing.fingerprint.provider,
  })
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

/** The corner at which the tolerance first breaks names the cause. Pure. */
export function decideCause(corners: readonly Corner[]): { cause: Cause; reason: string } {
  const at = (reduced: boolean, fusion: Fusion) =>
    corners.find(corner => (corner.precision !== 'fp32') === reduced && corner.fusion === fusion)
  const exported = at(false, 'off')
  const fused = at(false, 'on')
  const rounded = at(true, 'off')
  const both = at(true, 'on')
  const format = (rounded ?? both)?.precision

  if (exported?.pass === false)
    return {
      cause: 'export',
      reason:
        'FP32 without fusion already breaks the tolerance: the ONNX is not the network that made the goldens. Export it again; compare weights and constants',
    }
  if (fused?.pass === false && rounded?.pass === false)
    return {
      cause: 'fusion and number format',
      reason: `fusion breaks the tolerance in FP32 already, and ${format} does without fusion: each alone is too much`,
    }
  if (fused?.pass === false)
    return {
      cause: 'fusion',
      reason:
        "FP32 keeps the tolerance without fusion and breaks it with fusion. Set fusion: 'off', or find the rewrite that does it",
    }
  if (rounded?.pass === false)
    return rounded.arithmetic === 'emulated'
      ? {
          cause: 'number format',
          reason: `FP32 keeps the tolerance; rounding every tensor to ${format} breaks it, without fusion and with FP32 accumulation`,
        }
      : {
          cause: 'number format',
          reason: `FP32 keeps the tolerance; the ${format} ONNX breaks it without fusion`,
        }
  if (both?.pass === false)
    return {
      cause: 'combination',
      reason: `FP32 with fusion and ${format} without keep the tolerance; only together they break it`,
    }
  return {
    cause: 'unknown',
    reason: 'every corner keeps the tolerance: what failed does not come back. Is the engine deterministic?',
  }
}
