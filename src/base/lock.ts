import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DepthgateError, messageOf } from './errors.ts'
import { makeFolder } from './files.ts'
import { isRunning } from './processes.ts'

const patience = 10_000
const pause = 20

/**
 * Runs `work` while no other process does under the same lock folder. What a dead process left is taken over; one that
 * is held by a living process for more than ten seconds is an error that names it.
 */
export function withLock<T>(folder: string, work: () => T): T {
  const mine = prepare(folder)
  try {
    for (let waited = 0; !moved(mine, folder); waited += pause) {
      const pid = ownerOf(folder)
      if (pid !== undefined && !isRunning(pid)) removeDead(folder, pid)
      else if (waited >= patience)
        throw new DepthgateError(
          'lock',
          `${folder}: another process${pid === undefined ? '' : ` (${pid})`} is writing here. Wait for it; if there is none, remove that folder`,
        )
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pause)
    }
    try {
      return work()
    } finally {
      // moved away whole: emptied in its place, it could be taken by another while it is being removed
      renameSync(folder, mine)
    }
  } finally {
    rmSync(mine, { recursive: true, force: true })
  }
}

/** A folder that holds its owner; it becomes the lock by being renamed, so that no lock is ever without one. */
function prepare(folder: string): string {
  let mine: string | undefined
  try {
    makeFolder(dirname(folder))
    mine = mkdtempSync(join(dirname(folder), `${basename(folder)}-`))
    writeFileSync(join(mine, 'pid'), String(process.pid))
    return mine
  } catch (cause) {
    if (mine !== undefined) rmSync(mine, { recursive: true, force: true })
    throw unwritable(folder, cause)
  }
}

/** A folder that is not empty is never replaced by a rename. */
function moved(mine: string, folder: string): boolean {
  try {
    renameSync(mine, folder)
    return true
  } catch (cause) {
    if (['ENOTEMPTY', 'EEXIST', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '')) return false
    throw unwritable(folder, cause)
  }
}

function unwritable(folder: string, cause: unknown): DepthgateError {
  return new DepthgateError(
    'write',
    `${folder}: cannot be made (${messageOf(cause)}). Check the folder and its permissions`,
    { cause },
  )
}

/**
 * Moves a dead owner's lock aside before it goes. Of two processes that both found it dead, the second must not carry
 * off the lock that the first has made since: it finds the name taken, or gives back what is not the dead one's.
 */
function removeDead(folder: string, pid: number): void {
  const aside = `${folder}-dead-${pid}`
  try {
    renameSync(folder, aside)
    if (ownerOf(aside) !== pid) renameSync(aside, folder)
  } catch {
    // another process was faster
  }
  rmSync(aside, { recursive: true, force: true })
}

/** The process that holds a lock; undefined where it was just given back. */
function ownerOf(folder: string): number | undefined {
  const file = join(folder, 'pid')
  if (!existsSync(file)) return undefined
  try {
    return Number(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
