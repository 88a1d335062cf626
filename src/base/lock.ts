import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DepthgateError, messageOf } from './errors.ts'
import { isRunning } from './processes.ts'

const patience = 10_000
const pause = 50

/**
 * Runs `work` while no other process does under the same lock folder. What a dead process left is taken over; one that
 * is held by a living process for more than ten seconds is an error that names it.
 */
export function withLock<T>(folder: string, work: () => T): T {
  const owner = join(folder, 'pid')
  for (let waited = 0; !taken(folder); waited += pause) {
    const pid = Number(readIfThere(owner))
    if (pid > 0 && !isRunning(pid)) rmSync(folder, { recursive: true, force: true })
    else if (waited >= patience)
      throw new DepthgateError(
        'lock',
        `${folder}: another process${pid > 0 ? ` (${pid})` : ''} is writing here. Wait for it; if there is none, remove that folder`,
      )
    else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
  }
  try {
    writeFileSync(owner, String(process.pid))
    return work()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function taken(folder: string): boolean {
  try {
    mkdirSync(folder)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw new DepthgateError(
      'write',
      `${folder}: cannot be made (${messageOf(cause)}). Check the folder and its permissions`,
      { cause },
    )
  }
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
