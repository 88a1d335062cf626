import { existsSync } from 'node:fs'
import { cpus } from 'node:os'
import ndarray, { type NdArray } from 'ndarray'
import ort from 'onnxruntime-node'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { didYouMean } from '../../base/names.ts'
import { checkRealm } from '../../base/realm.ts'
import { type FloatArray, formatShape } from '../../depth/depth-map.ts'
import { halfToFloat } from '../../depth/half.ts'
import { hashOnnx } from '../../onnx/hash.ts'
import type { Engine, EngineRequest, EngineRun, Port } from '../engine.ts'
import { providerOf } from '../settings.ts'

/** Types whose values depthgate can judge. Others may not even be fetched: an int4 output ends the process. */
const readable = new Set(['float32', 'float64', 'float16'])

/** Loads an ONNX in ONNX Runtime. The provider asked for is the one used, or this throws. */
export async function loadOnnx(request: EngineRequest): Promise<Engine> {
  const { onnx, emulated, precision, fusion } = request
  const provider = providerOf(request.engine)
  checkRealm()
  checkProvider(provider)
  if (!existsSync(onnx))
    throw new DepthgateError(
      'onnx',
      `${onnx}: there is no such file. Export the model, or correct \`onnx\` in the config`,
    )
  const fingerprint = {
    onnx: hashOnnx(onnx),
    precision,
    fusion,
    arithmetic: emulated ? ('emulated' as const) : ('native' as const),
    engine: 'onnxruntime',
    engineVersion: ort.env.versions.node ?? 'unknown',
    provider,
    device: `${process.arch} ${cpus()[0]?.model.trim() ?? ''}`.trim(),
  }
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(onnx, {
      executionProviders: [provider],
      graphOptimizationLevel: fusion === 'on' ? 'all' : 'disabled',
      logSeverityLevel: 3,
    })
  } catch (cause) {
    throw new DepthgateError(
      'onnx',
      `${onnx}: ONNX Runtime cannot load it: ${messageOf(cause)}. Is the file whole, and exported for this runtime? Check it with Python's onnx.checker`,
      { cause },
    )
  }
  const inputs = session.inputMetadata.map(port)
  const outputs = session.outputMetadata.map(port)
  return {
    fingerprint,
    inputs,
    outputs,
    notes: arithmeticNotes(request),
    run,
    release: () => session.release(),
  }

  async function run(
    tensor: NdArray<FloatArray>,
    fetch: readonly string[],
    input?: string,
  ): Promise<EngineRun> {
    const feed = feedPort(tensor, input)
    for (const name of fetch) checkOutput(name)
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
    const values: EngineRun['outputs'] = {}
    for (const name of fetch) values[name] = floats(results[name] as ort.Tensor)
    return { outputs: values, milliseconds }
  }

  function feedPort(tensor: NdArray<FloatArray>, input?: string): Port {
    const [feed] = inputs
    if (!feed || inputs.length > 1 || (input !== undefined && feed.name !== input))
      throw new DepthgateError(
        'onnx',
        `${onnx}: has the inputs ${inputs.map(describe).join(', ') || 'none'}, expected one${input === undefined ? '' : ` named ${JSON.stringify(input)}`}. Correct \`input\` in the config, or export the model with one input`,
      )
    if (feed.type !== 'float32')
      throw new DepthgateError(
        'onnx',
        `${onnx}: input ${describe(feed)} is not float32. Keep the graph's inputs and outputs in float32`,
      )
    const fits =
      feed.shape.length === tensor.shape.length &&
      feed.shape.every((length, axis) => typeof length === 'string' || length === tensor.shape[axis])
    if (!fits)
      throw new DepthgateError(
        'onnx',
        `${onnx}: input ${describe(feed)} does not take the scene's tensor of ${formatShape(tensor.shape)}. Export at the size that the goldens were captured with`,
      )
    return feed
  }

  function checkOutput(name: string): void {
    const found = outputs.find(output => output.name === name)
    if (!found)
      throw new DepthgateError(
        'onnx',
        `${onnx}: has no output ${JSON.stringify(name)}${didYouMean(
          name,
          outputs.map(output => output.name),
        )} Name it in the config: \`outputs: { NAME: { onnx: '…' } }\``,
      )
    if (!readable.has(found.type))
      throw new DepthgateError(
        'onnx',
        `${onnx}: output ${describe(found)} is not a float type that can be judged. Keep the graph's outputs in float32`,
      )
  }
}

/** An ONNX Runtime tensor as an array of floats; float16 is widened. */
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

function describe({ name, type, shape }: Port): string {
  return `${name} (${type} ${shape.join('×') || 'scalar'})`
}

/** ONNX Runtime drops unknown providers with a warning and falls back to the CPU; here they are errors. */
function checkProvider(provider: string): void {
  if (provider === 'cpu') return
  const known = ort.listSupportedBackends().map(backend => backend.name)
  throw new DepthgateError(
    'engine',
    `onnxruntime: provider ${JSON.stringify(provider)} ${known.includes(provider) ? 'is not driven by this version of depthgate' : `is unknown${didYouMean(provider, known)}`} Use provider: 'cpu'`,
  )
}

function arithmeticNotes({ precision, engine, emulated }: EngineRequest): string[] {
  if (providerOf(engine) !== 'cpu' || (precision !== 'fp16' && precision !== 'bf16')) return []
  const name = precision.toUpperCase()
  return [
    emulated
      ? `${name} is emulated: FP32 kernels, every tensor rounded to ${name}. GPU kernels that also accumulate in ${name} lose more; this does not see it`
      : `ONNX Runtime's CPU provider computes ${name} graphs in FP32 and so under-states their error (by a third where it was measured). Leave this ONNX out of the config to have ${name} emulated`,
  ]
}
