import { fileURLToPath } from 'node:url'
import { DepthgateError } from '../../base/errors.ts'
import { defaultPython } from '../../base/python.ts'
import type { TensorrtSettings } from '../settings.ts'
import { type Answer, WorkerProcess } from '../worker/worker-process.ts'
import { builds } from './build-progress.ts'

/** The machine as TensorRT sees it. */
export interface Host {
  gpu: string
  computeCapability: string
  /** The CUDA version that the driver serves. */
  cuda: string
  /** Of the GPU, in bytes. */
  memory: number
  tensorrt: string
  python: string
  /** Null where neither NVML nor nvidia-smi tells. */
  driver: string | null
  /** Whether this TensorRT still has builder flags of precision. */
  weakTyping: boolean
}

/** What stands in the way of TensorRT here, and what mends it. */
export interface Obstacle {
  reason: string
  fix: string
}

export interface TensorrtWorker {
  process: WorkerProcess
  host: Host
}

const program = fileURLToPath(new URL('../worker/tensorrt_worker.py', import.meta.url))

/** Seconds that Python may take to load TensorRT; from a cold disk it is gigabytes. */
const helloSeconds = 180

/**
 * A new worker process. The variable of NVIDIA's libraries that overrules TF32 is taken away: the builder is told by its own
 * flag, and TensorRT refuses to run a plan where the variable is not what it was when it was built.
 */
export function startWorker(settings: TensorrtSettings): WorkerProcess {
  const { NVIDIA_TF32_OVERRIDE: _, ...env } = process.env
  return new WorkerProcess(pythonOf(settings), ['-B', program], env)
}

function pythonOf({ python }: TensorrtSettings): string {
  return python ?? defaultPython()
}

function keyOf(settings: TensorrtSettings): string {
  return JSON.stringify([pythonOf(settings), settings.device ?? 0])
}

const running = new Map<string, Promise<TensorrtWorker | Obstacle>>()

/** The worker of a GPU, started when it is first needed and shared by all that run there; or why there is none. */
export async function sharedWorker(settings: TensorrtSettings): Promise<TensorrtWorker | Obstacle> {
  const key = keyOf(settings)
  let worker = running.get(key)
  const known = await worker
  if (!known || !('process' in known) || !known.process.alive) {
    // another caller may have started it while this one waited
    if (running.get(key) === worker) running.set(key, greet(settings))
    worker = running.get(key)
  }
  return worker!
}

const builders = new Map<string, WorkerProcess>()

/**
 * A process for one build: one that has built before and was handed back, else a new one. TensorRT takes longer to load its
 * kernels than to build a small network.
 */
export function takeBuilder(settings: TensorrtSettings): WorkerProcess {
  const key = keyOf(settings)
  const found = builders.get(key)
  builders.delete(key)
  return found?.alive ? found : startWorker(settings)
}

/** Hands back a process whose build went well; one waits for the next. */
export function keepBuilder(settings: TensorrtSettings, builder: WorkerProcess): void {
  const key = keyOf(settings)
  builders.get(key)?.kill()
  builders.set(key, builder)
}

/** Ends all workers; the next request starts one anew. */
export async function endWorkers(): Promise<void> {
  const all = [...running.values()]
  running.clear()
  for (const builder of builders.values()) builder.kill()
  builders.clear()
  await Promise.all(
    all.map(async worker => {
      const found = await worker
      if ('process' in found) await found.process.end()
    }),
  )
}

async function greet(settings: TensorrtSettings): Promise<TensorrtWorker | Obstacle> {
  // its plans are built already: what they compute in was settled then
  const process = startWorker(settings)
  builds.emit('starting', true)
  const answer = await process.request(
    { type: 'hello', device: settings.device ?? 0 },
    { seconds: helloSeconds },
  )
  builds.emit('starting', false)
  if (answer.type === 'result') return { process, host: answer.facts as unknown as Host }
  process.kill()
  return obstacle(pythonOf(settings), answer)
}

/** The reason in words, with the command that mends it. Pure. */
export function obstacle(python: string, answer: Exclude<Answer, { type: 'result' }>): Obstacle {
  if (answer.type === 'lost')
    return {
      reason: `the TensorRT worker of ${python} did not start: ${answer.message}`,
      fix:
        answer.how === 'start'
          ? 'Install Python 3.9 or later, or name yours with `python` in the engine'
          : `See what it says by itself: ${python} -c "import tensorrt"`,
    }
  switch (answer.kind) {
    case 'no-tensorrt':
      return {
        reason: answer.message,
        fix: `${python} -m pip install tensorrt; or name the Python that has it with \`python\` in the engine`,
      }
    case 'no-gpu':
      return {
        reason: answer.message,
        fix: 'Run on a machine with an NVIDIA GPU and its driver; see: nvidia-smi',
      }
    case 'memory':
      return { reason: answer.message, fix: 'Free the GPU; `nvidia-smi` says who holds it' }
    default:
      return { reason: answer.message, fix: `See: ${python} -c "import tensorrt"` }
  }
}

/** The worker, or an error that says what stands in the way. */
export async function workerOrError(settings: TensorrtSettings): Promise<TensorrtWorker> {
  const worker = await sharedWorker(settings)
  if ('process' in worker) return worker
  throw new DepthgateError('engine-missing', `tensorrt: ${worker.reason}. ${worker.fix}`)
}
