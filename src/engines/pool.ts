import { statSync } from 'node:fs'
import { DepthgateError } from '../base/errors.ts'
import { stampOf } from '../onnx/hash.ts'
import type { Engine, EngineRequest } from './engine.ts'

/** Networks kept loaded at once: the five corners of an attribution. A full-size depth network takes gigabytes. */
const capacity = 5

interface Slot {
  engine: Promise<Engine>
  users: number
}

const slots = new Map<string, Slot>()

/**
 * Lends the engine for a request: loaded once and reused across scenes, anew when its file has changed. When more
 * than `capacity` are loaded, those unused for longest are released; one in use never is.
 */
export async function withEngine<T>(request: EngineRequest, use: (engine: Engine) => Promise<T>): Promise<T> {
  const key = JSON.stringify([request, stampOfSource(request.onnx)])
  const slot = slots.get(key) ?? { engine: load(request), users: 0 }
  slots.delete(key)
  slots.set(key, slot)
  slot.users++
  try {
    return await use(await slot.engine)
  } finally {
    slot.users--
    await slot.engine.catch(() => slots.delete(key))
    await releaseIdle(capacity)
  }
}

/** Loads an engine for one use, without keeping it or any that nobody uses: a full-size network takes gigabytes. */
export async function withEngineOnce<T>(
  request: EngineRequest,
  use: (engine: Engine) => Promise<T>,
): Promise<T> {
  await releaseIdle(0)
  const engine = await load(request)
  try {
    return await use(engine)
  } finally {
    await engine.release()
  }
}

/** Of an ONNX with its external data; of a plan or a program alone. What is wrong with it the engine tells when it loads. */
function stampOfSource(file: string): string {
  if (file.endsWith('.onnx'))
    try {
      return stampOf(file)
    } catch (thrown) {
      if (!(thrown instanceof DepthgateError)) throw thrown
    }
  const found = statSync(file, { throwIfNoEntry: false })
  return `${found?.mtimeMs} ${found?.size}`
}

/** Releases every engine that is not in use, and with the last the processes that they ran in. */
export async function releaseEngines(): Promise<void> {
  await releaseIdle(0)
  if (slots.size > 0 || !workersMayRun) return
  workersMayRun = false
  await (await import('./tensorrt/workers.ts')).endWorkers()
}

let workersMayRun = false

async function releaseIdle(keep: number): Promise<void> {
  for (const [key, slot] of slots) {
    if (slots.size <= keep) return
    if (slot.users > 0) continue
    slots.delete(key)
    await (await slot.engine).release()
  }
}

/** An engine's code is loaded when it is first needed: a comparison of two files does not wait for ONNX Runtime. */
async function load(request: EngineRequest): Promise<Engine> {
  switch (request.engine.engine) {
    case 'onnxruntime':
      return (await import('./onnxruntime/session.ts')).loadOnnx(request)
    case 'tensorrt':
      workersMayRun = true
      return (await import('./tensorrt/session.ts')).loadTensorrt(request)
    case 'command':
      return (await import('./command/command.ts')).loadCommand(request)
  }
}
