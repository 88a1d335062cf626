import { existsSync, readFileSync } from 'node:fs'
import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../../base/errors.ts'
import { sha256File } from '../../base/files.ts'
import { parseJson } from '../../base/json.ts'
import type { FloatArray } from '../../depth/depth-map.ts'
import { halfToFloat } from '../../depth/half.ts'
import { hashOnnx } from '../../onnx/hash.ts'
import type { Engine, EngineRequest, EngineRun, Fingerprint, Port } from '../engine.ts'
import { checkFetch, feedPort } from '../ports.ts'
import type { TensorrtSettings } from '../settings.ts'
import type { RawTiming, TimingRequest } from '../timing.ts'
import type { WireArray } from '../worker/frames.ts'
import type { Answer, Message, WorkerProcess } from '../worker/worker-process.ts'
import { layersOf, planFor, prebuiltPlan, usesTf32 } from './plan.ts'
import { type LayerTimes, layerTimes, type ProfileRequest, type RawProfile } from './profile.ts'
import { type Host, workerOrError } from './workers.ts'

/** What a worker tells of a plan that it has loaded. */
interface Loaded {
  session: number
  inputs: { name: string; type: string; shape: number[] }[]
  outputs: { name: string; type: string; shape: number[] }[]
  layers: number
  activationBytes: number
  deviceBytes: number
}

/** TensorRT's names of types, in the words of an ONNX. */
const types: Record<string, string> = {
  FLOAT: 'float32',
  HALF: 'float16',
  BF16: 'bfloat16',
  INT64: 'int64',
  INT32: 'int32',
  INT8: 'int8',
  BOOL: 'bool',
}
const readable = new Set(['float32', 'float16', 'bfloat16'])

/** Loads a prebuilt plan, or the plan of an ONNX, built where there is none in the cache. */
export async function loadTensorrt(request: EngineRequest): Promise<Engine> {
  const settings = request.engine as TensorrtSettings
  const prebuilt = prebuiltPlan(settings, request.precision)
  const file = prebuilt ?? request.onnx
  if (!existsSync(file))
    throw new DepthgateError(
      'onnx',
      `${file}: there is no such file. ${prebuilt ? 'Correct `plan` of the engine' : 'Export the model, or correct `onnx`'} in the config`,
    )
  const { host } = await workerOrError(settings)
  const hash = prebuilt ? sha256File(prebuilt) : hashOnnx(request.onnx)
  const plan = prebuilt ? undefined : await planFor(request, hash, host)
  const path = plan?.path ?? file
  let current = await load()

  const own = plan?.outputs
  const outputs = current.loaded.outputs.filter(({ name }) => own?.includes(name) ?? true).map(portOf)
  const marked = current.loaded.outputs.filter(({ name }) => own && !own.includes(name)).map(portOf)
  const inputs = current.loaded.inputs.map(portOf)
  return {
    fingerprint: fingerprintOf(request, settings, hash, host, prebuilt !== undefined),
    inputs,
    outputs,
    marked,
    notes: [],
    plan: {
      path,
      bytes: plan?.bytes,
      buildSeconds: plan?.buildSeconds,
      fresh: plan?.fresh ?? false,
      layers: current.loaded.layers,
      inspection: plan?.inspection,
      activationBytes: current.loaded.activationBytes,
    },
    deviceBytes: current.loaded.deviceBytes,
    run,
    time,
    ...(!prebuilt && { profile }),
    release: async () => {
      if (current.process.alive)
        await current.process.request({ type: 'free', session: current.loaded.session })
    },
  }

  /** A worker that was lost has taken its sessions with it: the next that asks gets a new one. */
  async function load(): Promise<{ process: WorkerProcess; loaded: Loaded }> {
    const { process } = await workerOrError(settings)
    const answer = await process.request(
      {
        ...{ type: 'load', device: settings.device ?? 0, plan: path, shape: request.shape },
        hostCode: settings.versionCompatible === true,
      },
      { seconds: settings.buildSeconds ?? 1800 },
    )
    if (answer.type === 'result') return { process, loaded: answer.facts as unknown as Loaded }
    throw new DepthgateError('tensorrt', loadFault(path, host, prebuilt !== undefined, answer))
  }

  async function ask(message: Message, arrays: readonly WireArray[]): Promise<Answer & { type: 'result' }> {
    if (!current.process.alive) current = await load()
    const seconds = settings.runSeconds ?? 120
    const answer = await current.process.request(
      { ...message, session: current.loaded.session },
      { arrays, seconds },
    )
    if (answer.type === 'result') return answer
    throw new DepthgateError(
      'tensorrt',
      answer.type === 'lost' && answer.how === 'time'
        ? `${file}: TensorRT took longer than ${seconds} s. Raise \`runSeconds\` of the engine`
        : `${file}: TensorRT failed while running it: ${answer.message}`,
    )
  }

  async function run(
    tensor: NdArray<FloatArray>,
    fetch: readonly string[],
    input?: string,
  ): Promise<EngineRun> {
    const feed = feedPort(file, inputs, tensor, input)
    for (const name of fetch) checkFetch(file, [...outputs, ...marked], name, readable)
    const { facts, arrays } = await ask({ type: 'run', fetch }, [wireOf(feed.name, tensor)])
    return {
      outputs: Object.fromEntries(arrays.map(array => [array.name, floats(array)])),
      milliseconds: facts.milliseconds as number,
    }
  }

  async function time(tensor: NdArray<FloatArray>, settings: TimingRequest): Promise<RawTiming> {
    const feed = feedPort(file, inputs, tensor, undefined)
    const { facts } = await ask({ type: 'time', fetch: outputs.map(({ name }) => name), ...settings }, [
      wireOf(feed.name, tensor),
    ])
    return facts as unknown as RawTiming
  }

  async function profile(tensor: NdArray<FloatArray>, settings: ProfileRequest): Promise<LayerTimes> {
    const feed = feedPort(file, inputs, tensor, undefined)
    const { facts } = await ask({ type: 'profile', ...settings }, [wireOf(feed.name, tensor)])
    const told = layersOf(path)
    return layerTimes(facts as unknown as RawProfile, parseJson(readFileSync(told, 'utf8'), told, 'tensorrt'))
  }
}

function portOf({ name, type, shape }: Loaded['inputs'][number]): Port {
  return { name, type: types[type] ?? type.toLowerCase(), shape }
}

function wireOf(name: string, { data, shape }: NdArray<FloatArray>): WireArray {
  const values = data instanceof Float32Array ? data : Float32Array.from(data)
  return {
    name,
    type: 'FLOAT',
    shape,
    data: new Uint8Array(values.buffer as ArrayBuffer, values.byteOffset, values.byteLength),
  }
}

function floats({ type, shape, data }: WireArray): NdArray<FloatArray> {
  const { buffer, length } = data as Uint8Array<ArrayBuffer>
  const values =
    type === 'FLOAT'
      ? new Float32Array(buffer)
      : type === 'HALF'
        ? halfToFloat(new Uint16Array(buffer))
        : bfloat16ToFloat(new Uint16Array(buffer), length / 2)
  return ndarray(values, [...shape])
}

/** A bfloat16 is the upper half of a float32. */
function bfloat16ToFloat(bits: Uint16Array, length: number): Float32Array {
  const values = new Float32Array(length)
  const words = new Uint32Array(values.buffer)
  for (let i = 0; i < length; i++) words[i] = bits[i]! << 16
  return values
}

function fingerprintOf(
  { precision, fusion }: EngineRequest,
  settings: TensorrtSettings,
  hash: string,
  host: Host,
  prebuilt: boolean,
): Fingerprint {
  const { typing = 'strong', optimizationLevel, workspaceMiB, fp32Layers } = settings
  const { strictNans, versionCompatible, hardwareCompatibility } = settings
  const tf32 = usesTf32(precision, settings)
  const options = prebuilt
    ? { prebuilt }
    : {
        ...(typing === 'weak' && { typing }),
        ...(optimizationLevel !== undefined && { optimizationLevel }),
        ...(workspaceMiB !== undefined && { workspaceMiB }),
        ...(fp32Layers && { fp32Layers: fp32Layers.join(' ') }),
        ...(tf32 && precision !== 'tf32' && { allowTf32: true }),
        ...(strictNans && { strictNans }),
        ...(versionCompatible && { versionCompatible }),
        ...(hardwareCompatibility && hardwareCompatibility !== 'none' && { hardwareCompatibility }),
      }
  return {
    onnx: hash,
    precision,
    fusion,
    arithmetic: 'native',
    engine: 'tensorrt',
    engineVersion: host.tensorrt,
    provider: 'cuda',
    device: host.gpu,
    computeCapability: host.computeCapability,
    driver: host.driver ?? `CUDA ${host.cuda}`,
    // how a plan was built that came from elsewhere is not known
    ...(!prebuilt && { tf32: tf32 ? ('on' as const) : ('off' as const) }),
    ...(Object.keys(options).length > 0 && { options }),
  }
}

/** Why a plan does not load. Pure. */
export function loadFault(
  path: string,
  host: Host,
  prebuilt: boolean,
  answer: Exclude<Answer, { type: 'result' }>,
): string {
  const here = `TensorRT ${host.tensorrt} on ${host.gpu} (compute capability ${host.computeCapability})`
  if (answer.type === 'lost') return `${path}: was lost while ${here} loaded it: ${answer.message}`
  if (answer.kind === 'memory')
    return `${path}: the GPU has no room for it:\n${answer.message}\nFree the GPU; \`nvidia-smi\` says who holds it`
  if (answer.kind !== 'plan') return `${path}: ${answer.message}`
  return prebuilt
    ? `${path}: is no plan for ${here}:\n${answer.message}\nBuild the plan with this TensorRT on this GPU, or judge it where it was built`
    : `${path}: does not load in ${here}:\n${answer.message}\nRemove it; the next run builds it anew`
}
