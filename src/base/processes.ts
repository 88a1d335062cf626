import { statSync } from 'node:fs'
import { hostname } from 'node:os'

/** What another host, or container, did not change for so long is abandoned: its processes cannot be asked. */
const silence = 24 * 3600 * 1000

/** Whether a process of this number runs on this machine, whoever's it is. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Whether the process that writes a folder is gone. `host` is where it runs. */
export function isAbandoned(folder: string, pid: number, host = hostname()): boolean {
  if (host === hostname()) return !isRunning(pid)
  const changed = statSync(folder, { throwIfNoEntry: false })?.mtimeMs
  return changed !== undefined && Date.now() - changed > silence
}
