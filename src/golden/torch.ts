import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { parseJson } from '../base/json.ts'
import { plain } from '../base/plain.ts'
import type { CaptureRecord, OutputKind } from './manifest.ts'

/** What capture.py is asked to do. */
export interface TorchRequest {
  file: string
  factory: string
  device: string | null
  /**
   * In the order that the network returns them: an object would put numeric names first. `ignore`: the network returns it,
   * and it is not kept.
   */
  outputs: readonly (readonly [name: string, kind: OutputKind | 'ignore'])[]
  /** Name of the metric depth to derive, if any. */
  derived: string | null
  scenes: { name: string; input: string; folder: string }[]
}

/** What capture.py answers, beside the arrays that it writes. */
export interface TorchFacts {
  scalars: Record<string, Record<string, number>>
  capture: CaptureRecord
}

/** Runs capture.py to its end. Its progress lines go to `onProgress`; what it refuses becomes an error in its words. */
export async function runTorch(
  python: string,
  folder: string,
  request: TorchRequest,
  onProgress: (line: string) => void,
): Promise<TorchFacts> {
  const order = join(folder, 'request.json')
  const facts = join(folder, 'facts.json')
  const model = `${request.file}:${request.factory}`
  writeWhole(order, JSON.stringify({ ...request, facts }))
  // an open standard input tells the child that this process lives: it ends itself when the pipe closes
  const child = spawn(python, [fileURLToPath(new URL('capture.py', import.meta.url)), order], {
    stdio: ['pipe', 'ignore', 'pipe'],
    // names of scenes and shapes have characters that the locale's encoding may lack
    env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
  })
  child.stdin.on('error', () => {})
  const said: string[] = []
  const ended = new Promise<number | null>((done, failed) => {
    child.once('error', failed)
    child.once('close', done)
  })
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(plain(line))
      if (said.length > 60) said.shift()
      if (line.startsWith('captured ')) onProgress(line)
    }
  })()
  const code = await ended.catch(cause => {
    throw new DepthgateError(
      'capture',
      `${python}: cannot be started (${messageOf(cause)}). Name your Python with --python`,
      { cause },
    )
  })
  await reading
  const refused = said.findLast(line => line.startsWith('depthgate: '))
  if (refused !== undefined)
    throw new DepthgateError('capture', `${model}: ${refused.slice('depthgate: '.length)}`)
  if (code !== 0 || !existsSync(facts))
    throw new DepthgateError(
      'capture',
      `${model}: Python ended with ${code === null ? 'a signal' : `exit code ${code}`}; its last words:\n${said.slice(-15).join('\n')}`,
    )
  return parseJson(readFileSync(facts, 'utf8'), facts, 'capture') as TorchFacts
}
