import { existsSync } from 'node:fs'
import { join } from 'node:path'
import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { checkRealm } from '../../base/realm.ts'
import { makeTemporary, removeTemporary } from '../../base/temporary.ts'
import type { FloatArray } from '../../depth/depth-map.ts'
import { halfToFloat } from '../../depth/half.ts'
import { hashOnnx } from '../../onnx/hash.ts'
import { isQuantized } from '../../precision/quantized-weight.ts'
import { cpuName } from '../cpu.ts'
import type { Engine, EngineRequest, EngineRun, Fingerprint, Port } from '../engine.ts'
import { checkFetch, feedPort } from '../ports.ts'
import { type OnnxRuntimeSettings, providerOf } from '../settings.ts'
import { type RawTiming, type TimingRequest, wallTiming } from '../timing.ts'
import { missingLibrary } from './library.ts'
import ort from './ort.ts'
import { checkPlacement } from './placement.ts'
import {
  checkArithmetic,
  gpuFingerprint,
  type ProviderFault,
  providerFault,
  providerOptions,
} from './provider.ts'
import { providerProblem } from './try-provider.ts'

/** Types whose values depthgate can judge. Others may not even be fetched: an int4 output ends the process. */
const readable = new Set(['float32', 'float64', 'float16'])

/** Loads an ONNX in ONNX Runtime. The provider asked for is the one that computes every node, or this throws. */
export async function loadOnnx(request: EngineRequest): Promise<Engine> {
  const { onnx, emulated, precision, fusion } = request
  const settings = request.engine as OnnxRuntimeSettings
  const provider = providerOf(settings)
  checkRealm()
  if (!existsSync(onnx))
    throw new DepthgateError(
      'onnx',
      `${onnx}: there is no such file. Export the model, or correct \`onnx\` in the config`,
    )
  const missing = missingLibrary(provider)
  if (missing !== undefined) throw faultOf(onnx, providerFault(provider, missing))
  try {
    checkArithmetic(request)
  } catch (thrown) {
    // where there is no such provider, that is what a person must know: how it would compute is beside the point
    const problem = await providerProblem(settings)
    if (problem) throw faultOf(onnx, problem)
    throw thrown
  }
  const onGpu = provider !== 'cpu'
  const fingerprint: Fingerprint = {
    onnx: hashOnnx(onnx),
    precision,
    fusion,
    arithmetic: emulated ? 'emulated' : 'native',
    engine: 'onnxruntime',
    engineVersion: ort.env.versions.node ?? 'unknown',
    provider,
    device: cpuName(),
    ...(onGpu && gpuFingerprint(settings)),
  }
  // the first run on a GPU is profiled, to see where each node ran
  const profile = onGpu ? makeTemporary('profile') : undefined
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(onnx, {
      ...providerOptions(request),
      ...(profile && { enableProfiling: true, profileFilePrefix: join(profile, 'run') }),
    })
  } catch (cause) {
    if (profile) removeTemporary(profile)
    throw loadFault(onnx, provider, cause)
  }
  let placed = !onGpu
  const inputs = session.inputMetadata.map(port)
  const outputs = session.outputMetadata.map(port)
  return {
    fingerprint,
    inputs,
    outputs,
    notes: arithmeticNotes(request),
    run,
    time,
    release: async () => {
      await session.release()
      if (!placed) removeTemporary(profile!)
    },
  }

  async function run(
    tensor: NdArray<FloatArray>,
    fetch: readonly string[],
    input?: string,
  ): Promise<EngineRun> {
    const feed = feedPort(onnx, inputs, tensor, input)
    for (const name of fetch) checkFetch(onnx, outputs, name, readable)
    const feeds = { [feed.name]: new ort.Tensor('float32', tensor.data as Float32Array, tensor.shape) }
    const start = performance.now()
    let results: ort.InferenceSession.OnnxValueMapType
    try {
      results = await session.run(feeds, [...fetch])
    } catch (cause) {
      throw new DepthgateError(
        'engine',
        `${onnx}: ONNX Runtime failed while running it: ${messageOf(cause)}`,
        { cause },
      )
    }
    const milliseconds = performance.now() - start
    if (!placed) prove()
    const values: EngineRun['outputs'] = {}
    for (const name of fetch) values[name] = floats(results[name] as ort.Tensor)
    return { outputs: values, milliseconds }
  }

  /** Wall time: ONNX Runtime gives no stream to put events on, and copies in and out belong to each run. */
  async function time(tensor: NdArray<FloatArray>, settings: TimingRequest): Promise<RawTiming> {
    const fetch = outputs.map(({ name }) => name)
    return wallTiming(settings, () => run(tensor, fetch))
  }

  function prove(): void {
    session.endProfiling()
    try {
      checkPlacement(profile!, provider, onnx)
      placed = true
    } finally {
      removeTemporary(profile!)
    }
  }
}

function loadFault(onnx: string, provider: string, cause: unknown): DepthgateError {
  if (provider === 'cpu')
    return new DepthgateError(
      'onnx',
      `${onnx}: ONNX Runtime cannot load it: ${messageOf(cause)}. Is the file whole, and exported for this runtime? Check it with Python's onnx.checker`,
      { cause },
    )
  return faultOf(onnx, providerFault(provider, messageOf(cause)), cause)
}

function faultOf(onnx: string, { code, reason, fix }: ProviderFault, cause?: unknown): DepthgateError {
  return new DepthgateError(code, `${onnx}: ${reason}. ${fix}`, { cause })
}

export function floats({ data, dims, type }: ort.Tensor): NdArray<FloatArray> {
  // float16 comes as Uint16Array on Node 20 and as Float16Array where the platform has one
  const values =
    type !== 'float16'
      ? (data as FloatArray)
      : data instanceof Uint16Array
        ? halfToFloat(data)
        : Float32Array.from(data as ArrayLike<number>)
  return ndarray(values, [...dims])
}

function port(metadata: ort.InferenceSession.ValueMetadata): Port {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, shape: metadata.shape }
    : { name: metadata.name, type: 'not a tensor', shape: [] }
}

function arithmeticNotes({ precision, engine, emulated }: EngineRequest): string[] {
  const name = precision.toUpperCase()
  const products =
    isQuantized(precision) && providerOf(engine) === 'cpu'
      ? [`${name} is rounded where the ONNX quantises; products are computed in FP32`]
      : []
  if (emulated) {
    const [what, rounded, format] = isQuantized(precision)
      ? ['what is not quantised', 'rounded', 'a reduced format']
      : [name, `rounded to ${name}`, name]
    return [
      ...products,
      `${what} is emulated: FP32 kernels, every tensor ${rounded}. GPU kernels that also accumulate in ${format} lose more; this does not see it`,
    ]
  }
  if (products.length > 0 || providerOf(engine) !== 'cpu') return products
  if (precision !== 'fp16' && precision !== 'bf16') return []
  return [
    `ONNX Runtime's CPU provider computes ${name} graphs in FP32 and so under-states their error (by a third where it was measured). Leave this ONNX out of the config to have ${name} emulated`,
  ]
}
