import {
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { DepthgateError, messageOf } from './errors.ts'
import { makeFolder } from './files.ts'
import { isRunning } from './processes.ts'

const heartbeat = 5_000
/** A holder that gave no sign for this long is gone, whatever runs under its number. */
const silence = 60_000
const pause = 200

/**
 * Runs `work`, which may take hours, while no other process does under the same lock file. Others wait as long as the
 * holder gives signs of life; the lock of one that is gone is taken over. `onWait` is told once whom it waits for.
 */
export async function withLongLock<T>(
  file: string,
  work: () => Promise<T>,
  onWait: (owner: string) => void = () => {},
): Promise<T> {
  const mine = `${hostname()} ${process.pid} ${Math.random().toString(36).slice(2)}`
  for (let told = false; !take(file, mine); ) {
    const owner = holder(file)
    if (owner && isGone(file, owner)) removeDead(file, owner)
    else {
      if (owner && !told) onWait(owner.split(' ').slice(0, 2).join(' '))
      told ||= owner !== undefined
      await sleep(pause)
    }
  }
  const beat = setInterval(() => touch(file), heartbeat).unref()
  try {
    return await work()
  } finally {
    clearInterval(beat)
    if (holder(file) === mine) rmSync(file, { force: true })
  }
}

/** The file appears with its content: a link to one that is written already. */
function take(file: string, mine: string): boolean {
  const draft = `${file}.${process.pid}.${mine.split(' ').at(-1)}`
  try {
    makeFolder(dirname(file))
    writeFileSync(draft, mine)
    return linked(draft, file)
  } catch (cause) {
    throw new DepthgateError(
      'write',
      `${file}: cannot be made (${messageOf(cause)}). Check the folder and its permissions`,
      { cause },
    )
  } finally {
    if (existsSync(draft)) rmSync(draft, { force: true })
  }
}

/** Whether the name was free. */
function linked(draft: string, file: string): boolean {
  try {
    linkSync(draft, file)
    return true
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw cause
  }
}

function holder(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}

function isGone(file: string, owner: string): boolean {
  const [host, pid] = owner.split(' ')
  if (host === hostname() && !isRunning(Number(pid))) return true
  const seen = statSync(file, { throwIfNoEntry: false })?.mtimeMs
  return seen !== undefined && Date.now() - seen > silence
}

/** Of two processes that find the same holder gone, the second must not carry off the lock that the first has made. */
function removeDead(file: string, owner: string): void {
  const aside = `${file}.dead.${process.pid}`
  try {
    renameSync(file, aside)
    if (holder(aside) !== owner) linkSync(aside, file)
  } catch {
    // another process was faster
  }
  rmSync(aside, { force: true })
}

function touch(file: string): void {
  const now = new Date()
  try {
    utimesSync(file, now, now)
  } catch {
    // taken over after a long sleep of this machine; `withLongLock` leaves it alone then
  }
}
