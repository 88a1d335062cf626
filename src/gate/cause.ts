import { onnxByPrecision } from './config.ts'
import type { ModelConfig } from './define-config.ts'
import type { Cause, Corner, Verdict } from './verdict.ts'

type Judged = Pick<Verdict, 'fingerprint' | 'outputs'>

/** Not where a program decides by itself what it runs, nor where nothing could be compared. */
export function canBeAttributed({ fingerprint, outputs }: Judged): boolean {
  return fingerprint?.engine !== 'command' && outputs.every(({ type }) => type !== 'incomparable')
}

/** Whether there are corners to run: where it can be attributed, and there is an FP32 ONNX to start from. */
export function hasCorners(config: ModelConfig, judged: Judged): boolean {
  return onnxByPrecision(config).fp32 !== undefined && canBeAttributed(judged)
}

/**
 * Names the cause: the step that first breaks the tolerance, or the steps that only together do. Pure.
 * @param known of the run in FP32 without fusion, what its failing means
 */
export function decideCause(all: readonly Corner[], known?: string): { cause: Cause; reason: string } {
  const corners = all.filter(({ problem }) => problem === undefined)
  const made = corners.filter(({ given }) => !given)
  const given = corners.filter(corner => corner.given)
  // an int8 ONNX that the config gives stands for one that is made here
  const own = made.filter(({ precision }) => precision !== 'fp32')
  const reduced = own.length > 0 ? own : given.filter(({ precision }) => precision !== 'fp32')
  const exported = made.find(({ precision, fusion }) => precision === 'fp32' && fusion === 'off')
  const fused = made.find(({ precision, fusion }) => precision === 'fp32' && fusion === 'on')
  // with the rest in FP32: what quantising alone costs
  const quantized = reduced.find(({ fusion, rest }) => fusion === 'off' && rest === 'fp32')
  // summed in FP32, where the engine may do otherwise: what the formats alone cost
  const rounded = reduced.find(
    ({ fusion, sums, rest }) => fusion === 'off' && sums !== 'engine' && rest !== 'fp32',
  )
  const summed = reduced.find(({ fusion, sums }) => fusion === 'off' && sums === 'engine')
  const whole = reduced.find(({ fusion }) => fusion === 'on')
  const format = summed?.rest ?? reduced[0]?.precision

  if (exported?.pass === false)
    return {
      cause: 'export',
      reason: `FP32 without fusion already breaks the tolerance: ${known ?? 'the ONNX is not the network that made the goldens. Export it again; compare weights and constants'}`,
    }
  const lossy =
    quantized?.pass === false || rounded?.pass === false
      ? 'number format'
      : summed?.pass === false
        ? 'accumulation'
        : undefined
  if (fused?.pass === false && lossy)
    return {
      cause: `fusion and ${lossy}`,
      reason: `fusion breaks the tolerance in FP32 already, and ${reduced[0]!.precision} does without fusion: each alone is too much`,
    }
  if (fused?.pass === false)
    return {
      cause: 'fusion',
      reason:
        "FP32 keeps the tolerance without fusion and breaks it with fusion. Set fusion: 'off', or find the rewrite that does it",
    }
  if (lossy === 'accumulation')
    return {
      cause: lossy,
      reason: `rounding every tensor to ${format} keeps the tolerance while products are summed in FP32; summed in ${format} they break it. Sum them in FP32: accumulate: 'fp32', for all or for a list of nodes`,
    }
  if (lossy)
    return {
      cause: lossy,
      reason: quantized
        ? restReason(quantized, rounded)
        : `FP32 keeps the tolerance; ${formatReason(rounded!)}`,
    }
  if (whole?.pass === false)
    return {
      cause: 'combination',
      reason: `FP32 with fusion and ${reduced[0]!.precision} without keep the tolerance; only together they break it`,
    }
  const guilty = given.find(({ pass }) => !pass)
  if (guilty && reduced !== given && (guilty.fusion === 'off' || given.length === 1))
    return {
      cause: 'export',
      reason: `what depthgate makes from the FP32 ONNX keeps the tolerance at ${guilty.precision}; what the config gives breaks it. Look at how it was made`,
    }
  if (guilty)
    return {
      cause: 'combination',
      reason: `FP32 with fusion and ${guilty.precision} without keep the tolerance; only together they break it`,
    }
  return {
    cause: 'unknown',
    reason:
      corners.length < all.length
        ? 'every corner that could be run keeps the tolerance of the config'
        : "every corner keeps the config's tolerance: either only the limits of this call are broken, or what failed does not come back and the engine is not deterministic",
  }
}

/** The commands that find the nodes behind a number format; '' where there are none to tell. Pure. */
export function nodesHint(
  cause: Cause,
  corners: readonly Corner[],
  { model, scene, engine }: { model: string; scene: string; engine?: string },
): string {
  const guilty = corners.find(
    ({ precision, problem, pass }) => precision !== 'fp32' && problem === undefined && !pass,
  )
  // both start from what depthgate makes, and make no tf32
  if (
    cause !== 'number format' ||
    !guilty ||
    guilty.precision === 'tf32' ||
    corners.some(({ given }) => given)
  )
    return ''
  const { precision, rest, error } = guilty
  // explain looks at tensors of quantised networks with their rest in FP32
  const looked = rest === undefined || rest === 'fp32' ? precision : rest
  const on = engine === undefined ? '' : ` --engine ${engine}`
  const where = Number.isNaN(error) ? 'What comes out is not finite; where that begins' : 'Which nodes it is'
  return `. ${where}: npx depthgate explain ${model} --precision ${looked} --scene ${scene}${on}; which to keep FP32: npx depthgate mend ${model} --precision ${precision}${on}`
}

/** Which of two formats it is: that of the quantised products, or that of the rest. */
function restReason({ precision, pass }: Corner, rounded: Corner | undefined): string {
  if (!pass)
    return `FP32 keeps the tolerance; ${precision} breaks it while its rest is FP32: it is what is quantised`
  return `${precision} keeps the tolerance while its rest is FP32; with the rest rounded to ${rounded!.rest} it breaks it. Give nodes to \`keepFp32\`, or choose another \`rest\``
}

function formatReason({ precision, arithmetic, sums }: Corner): string {
  if (arithmetic === 'emulated')
    return `rounding every tensor to ${precision} breaks it, without fusion and with FP32 accumulation`
  return `the ${precision} ONNX breaks it without fusion${sums === 'fp32' ? ' and with FP32 accumulation' : ''}`
}
