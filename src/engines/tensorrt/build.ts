import { readFileSync, rmSync } from 'node:fs'
import { DepthgateError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import type { Calibration, Precision } from '../engine.ts'
import type { TensorrtSettings } from '../settings.ts'
import { Unbuildable } from '../unbuildable.ts'
import type { WireArray } from '../worker/frames.ts'
import type { Answer, Progress } from '../worker/worker-process.ts'
import { builds } from './build-progress.ts'
import { type Layers, summarise } from './layers.ts'
import { keepBuilder, takeBuilder } from './workers.ts'

/** What a plan is built from; the worker reads it as it stands here. */
export interface BuildJob {
  onnx: string
  device: number
  precision: Precision
  typing: 'strong' | 'weak'
  tf32: boolean
  /** How every tensor is kept whole, where fusion is off. */
  unfused?: 'outputs' | 'debug'
  /** Only these tensors, of all that could be kept so. */
  marks?: readonly string[]
  /** Of the scene, for a network with axes of unknown length. */
  shape?: readonly number[]
  optimizationLevel?: number
  workspaceMiB?: number
  timingCache?: string
  /** A file of timings that does not fit is begun anew instead of refused. */
  renewTimings?: boolean
  fp32Layers?: readonly string[]
  strictNans?: boolean
  versionCompatible?: boolean
  hardwareCompatibility?: string
}

export interface Built {
  seconds: number
  bytes: number
  /** The network's own outputs. */
  outputs: string[]
  /** Tensors that were kept whole. */
  marked: number
  /** Layers of the network before TensorRT worked on it. */
  networkLayers: number
  inspection: Layers
  /** The inspector's own text. */
  layersJson: string
}

/**
 * Builds a plan into a file, in a process apart, which ends unless the build went well: a crash, a hang or a full GPU are
 * this build's alone.
 */
export async function buildPlan(
  settings: TensorrtSettings,
  job: BuildJob,
  plan: string,
  calibration?: Calibration,
): Promise<Built> {
  const started = performance.now()
  const { onnx, precision } = job
  const tell = (state: 'building' | 'built' | 'failed', { phase, step, steps }: Progress) =>
    builds.emit('progress', {
      ...{ onnx, precision, state, phase },
      done: steps > 0 ? step / steps : Number.NaN,
      seconds: (performance.now() - started) / 1000,
    })
  tell('building', { phase: 'starting TensorRT', step: 0, steps: 0 })
  const inspection = `${plan}.layers`
  const worker = takeBuilder(settings)
  const seconds = settings.buildSeconds ?? 1800
  let well = false
  try {
    const answer = await worker.request(
      { type: 'build', ...job, plan, inspection },
      {
        seconds,
        onProgress: progress => tell('building', progress),
        ...(job.typing === 'weak' && job.precision === 'int8' && { arrays: calibrationArrays(calibration) }),
      },
    )
    if (answer.type !== 'result') {
      tell('failed', { phase: '', step: 0, steps: 0 })
      rmSync(plan, { force: true })
      throw buildFault(job, seconds, answer)
    }
    well = true
    const layersJson = readFileSync(inspection, 'utf8')
    tell('built', { phase: '', step: 0, steps: 0 })
    return {
      ...(answer.facts as unknown as Omit<Built, 'inspection' | 'layersJson'>),
      inspection: summarise(parseJson(layersJson, inspection, 'tensorrt')),
      layersJson,
    }
  } finally {
    if (well) keepBuilder(settings, worker)
    else worker.kill()
    rmSync(inspection, { force: true })
  }
}

function calibrationArrays(calibration: Calibration | undefined): WireArray[] {
  return [...(calibration?.tensors() ?? [])].map((tensor, i) => {
    const { buffer, byteOffset, byteLength } = tensor.data
    return {
      name: `scene ${i}`,
      type: 'FLOAT',
      shape: tensor.shape,
      data: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
    }
  })
}

/** A kernel that TensorRT lacks: what for, and whether that is quantised, as far as its words tell. */
interface MissingKernel {
  node?: string
  quantized?: boolean
  /** It lacks one for what it compiles as one, from the first to the last. */
  group?: [first: string, last: string]
}

/**
 * What TensorRT's words tell of a kernel that it lacks in the precisions of the network, such as BF16 for Resize and
 * ConvTranspose in 10.6; undefined where they tell of something else.
 */
function missingKernel(words: string): MissingKernel | undefined {
  const [, first, last] = /implementation for node \{ForeignNode\[(.+?)\.\.\.(.+?)\]\}/.exec(words) ?? []
  if (first !== undefined) return { group: [first, last!] }
  const [, layer] = /No supported formats for ([^,\s]+(?: \+ [^,\s]+)*)/.exec(words) ?? []
  if (layer !== undefined) {
    // a layer is what TensorRT fused: here a quantised weight, or a node that quantises, and the node that reads it
    const parts = layer.split(' + ')
    const isMade = (part: string) => part.startsWith('depthgate-') || /\/(int8|fp8)$/.test(part)
    const node = parts.find(part => !isMade(part))
    return node === undefined ? {} : { node, quantized: parts.some(isMade) }
  }
  // within a group that it compiles as one, it names the operation by a word of its own
  if (/Could not infer output types for operation: \d+: deconv:/.test(words)) return { node: 'ConvTranspose' }
  return /Could not find any implementation|No supported formats/.test(words) ? {} : undefined
}

/** What to change where a kernel is missing. Beside quantised products, `keep` leaves a node to the rest, and `keepFp32` takes it out of that. */
function kernelHint({ node, quantized, group }: MissingKernel, precision: string): string {
  if (group)
    return `\nTensorRT has no kernel for what it compiles as one, from ${group[0]} to ${group[1]}: another recipe for a node between them, or another \`optimizationLevel\`, may build`
  if (node === undefined) return ''
  const isReduced = precision === 'fp16' || precision === 'bf16'
  const [way, key] = quantized
    ? ['Leave it to the rest', 'keep']
    : ['Keep it FP32', isReduced ? 'keep' : 'keepFp32']
  return `\n${way}: recipes: { ${precision}: { ${key}: ['${node}'] } }, or its operator for all such nodes`
}

/** Why a build failed, in TensorRT's own words, and the way out: an `Unbuildable` where it lacks a kernel. Pure. */
export function buildFault(
  job: BuildJob,
  seconds: number,
  answer: Exclude<Answer, { type: 'result' }>,
): DepthgateError {
  const missing =
    answer.type === 'refused' && answer.kind === 'build' ? missingKernel(answer.message) : undefined
  const words = faultWords(job, seconds, answer)
  return missing
    ? new Unbuildable(`${words}${kernelHint(missing, job.precision)}`)
    : new DepthgateError('tensorrt', words)
}

function faultWords(
  { onnx, precision }: BuildJob,
  seconds: number,
  answer: Exclude<Answer, { type: 'result' }>,
): string {
  const head = `${onnx}: TensorRT cannot build it at ${precision}`
  if (answer.type === 'lost')
    return answer.how === 'time'
      ? `${head}: the build took longer than ${seconds} s. Raise \`buildSeconds\` of the engine, or lower its \`optimizationLevel\``
      : `${head}: the build's process is gone: ${answer.message}`
  const { kind, message } = answer
  switch (kind) {
    case 'parse':
      return `${head}: its parser refuses the ONNX:\n${message}\nExport without that operator, or fold its constants`
    case 'memory':
      return `${head}: it ran out of memory:\n${message}\nFree the GPU, or lower \`workspaceMiB\` of the engine`
    case 'build':
      return `${head}:\n${message}`
    case 'fault':
      return `${head}: depthgate's worker failed: ${message}`
    default:
      return `${head}: ${message}`
  }
}
