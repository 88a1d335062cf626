import { fileURLToPath } from 'node:url'
import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../../base/errors.ts'
import { sha256File } from '../../base/files.ts'
import type { FloatArray } from '../../depth/depth-map.ts'
import type { Engine, Port, Precision } from '../engine.ts'
import type { RawTiming } from '../timing.ts'
import { type Answer, type Message, WorkerProcess } from '../worker/worker-process.ts'

/** The PyTorch network that is timed beside the engines. */
export interface PytorchSettings {
  python: string
  device: number
  /** Python file and the function in it that makes the network. */
  file: string
  factory: string
  compile: boolean
  /** Names of what the network returns, in its order. */
  outputs: readonly string[]
  /** Seconds for one answer; a compilation takes minutes. */
  seconds: number
}

const program = fileURLToPath(new URL('../worker/torch_worker.py', import.meta.url))

/** Precisions that PyTorch computes in by itself. */
export const pytorchPrecisions = ['fp32', 'tf32', 'fp16', 'bf16'] as const satisfies Precision[]

/** What it is called among engines, plain and through torch.compile. No engine of a config has these names. */
export const pytorchNames = { plain: 'pytorch', compiled: 'pytorch compiled' } as const

/** A PyTorch network as an engine of its own, so that its figures stand beside the others'. */
export async function loadPytorch(settings: PytorchSettings, precision: Precision): Promise<Engine> {
  const { python, device, file, factory, compile, outputs, seconds } = settings
  const { NVIDIA_TF32_OVERRIDE: _, ...env } = process.env
  const worker = new WorkerProcess(python, ['-B', program], {
    ...env,
    ...(precision !== 'tf32' && { NVIDIA_TF32_OVERRIDE: '0' }),
  })
  try {
    const { facts: host } = await ask({ type: 'hello', device })
    const { facts: loaded } = await ask({ type: 'load', file, factory, precision, compile, outputs })
    return {
      fingerprint: {
        onnx: sha256File(file),
        precision,
        fusion: compile ? 'on' : 'off',
        arithmetic: 'native',
        engine: compile ? pytorchNames.compiled : pytorchNames.plain,
        engineVersion: String(host.torch),
        provider: 'cuda',
        device: String(host.gpu),
        computeCapability: String(host.computeCapability),
        driver: String(host.driver ?? 'unknown'),
        tf32: precision === 'tf32' ? 'on' : 'off',
      },
      inputs: [],
      outputs: outputs.map((name): Port => ({ name, type: 'float32', shape: [] })),
      notes: [],
      deviceBytes: loaded.deviceBytes as number,
      async run(tensor, fetch) {
        const { facts, arrays } = await ask({ type: 'run', fetch }, tensor)
        return {
          outputs: Object.fromEntries(
            arrays.map(({ name, shape, data }) => [
              name,
              ndarray<FloatArray>(new Float32Array(data.buffer as ArrayBuffer), [...shape]),
            ]),
          ),
          milliseconds: facts.milliseconds as number,
        }
      },
      async time(tensor, timing) {
        return (await ask({ type: 'time', fetch: outputs, ...timing }, tensor)).facts as unknown as RawTiming
      },
      release: () => worker.end(),
    }
  } catch (thrown) {
    worker.kill()
    throw thrown
  }

  async function ask(message: Message, tensor?: NdArray<FloatArray>): Promise<Answer & { type: 'result' }> {
    const arrays = tensor && [
      {
        ...{ name: 'input', type: 'FLOAT', shape: tensor.shape },
        data: bytesOf(tensor),
      },
    ]
    const answer = await worker.request(message, { ...(arrays && { arrays }), seconds })
    if (answer.type === 'result') return answer
    throw new DepthgateError('pytorch', `${file}:${factory} at ${precision}: ${answer.message}`)
  }
}

function bytesOf({ data }: NdArray<FloatArray>): Uint8Array {
  const values = data instanceof Float32Array ? data : Float32Array.from(data)
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
