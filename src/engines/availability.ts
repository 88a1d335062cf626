import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { programOf } from './command/placeholders.ts'
import {
  type CommandSettings,
  type EngineSettings,
  type OnnxRuntimeSettings,
  providerOf,
} from './settings.ts'

/** Whether an engine can work on this machine. */
export type Availability =
  /** `detail`: which version, on what. */
  { type: 'works'; detail: string } | { type: 'missing'; reason: string; fix: string }

/** Tries an engine: nothing is assumed from what is installed. */
export async function availability(settings: EngineSettings): Promise<Availability> {
  switch (settings.engine) {
    case 'onnxruntime':
      return onnxRuntime(settings)
    case 'tensorrt': {
      const { sharedWorker } = await import('./tensorrt/workers.ts')
      const worker = await sharedWorker(settings)
      if (!('process' in worker)) return { type: 'missing', ...worker }
      const { tensorrt, gpu, computeCapability, driver, cuda } = worker.host
      return {
        type: 'works',
        detail: `TensorRT ${tensorrt} on ${gpu} (compute capability ${computeCapability}), driver ${driver ?? `for CUDA ${cuda}`}`,
      }
    }
    case 'command':
      return command(settings)
  }
}

async function onnxRuntime(settings: OnnxRuntimeSettings): Promise<Availability> {
  const provider = providerOf(settings)
  try {
    const { tryProvider } = await import('./onnxruntime/try-provider.ts')
    return await tryProvider(settings)
  } catch (thrown) {
    if (provider !== 'cpu') throw thrown
    return {
      type: 'missing',
      reason: `onnxruntime-node does not load: ${messageOf(thrown)}`,
      fix: 'npm rebuild onnxruntime-node; it has binaries for Linux, macOS and Windows',
    }
  }
}

function command(settings: CommandSettings): Availability {
  const program = programOf(settings)
  const places = program.includes('/')
    ? [program]
    : (process.env.PATH ?? '').split(delimiter).map(folder => join(folder, program))
  const found = places.find(isProgram)
  return found
    ? { type: 'works', detail: found }
    : {
        type: 'missing',
        reason: `there is no program ${settings.command[0]}`,
        fix: 'Build or install it, or correct `command` of the engine',
      }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
