import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { isRunning } from '../base/processes.ts'

/** A folder beside `out` that becomes it at the end; its name says whose it is and that it is not finished. */
export function stagingFor(out: string): string {
  return join(dirname(out), `.${basename(out)}.capture-${process.pid}`)
}

/**
 * Renames a finished folder into place. What stood there moves aside first, gives back the entries that `keep` names,
 * and is removed last, so that at every moment one whole golden is on disk.
 */
export function putInPlace(
  staging: string,
  out: string,
  replace: boolean,
  keep: (entry: string) => boolean,
): void {
  if (!replace) {
    try {
      renameSync(staging, out)
    } catch (cause) {
      throw new DepthgateError(
        'golden',
        `${out}: cannot be put in place (${messageOf(cause)}). Did another capture finish first? Add --replace to put this one in its place`,
        { cause },
      )
    }
    return
  }
  const old = join(dirname(out), `.${basename(out)}.old-${process.pid}`)
  if (existsSync(out)) renameSync(out, old)
  renameSync(staging, out)
  if (!existsSync(old)) return
  for (const entry of readdirSync(old).filter(keep))
    if (!existsSync(join(out, entry))) renameSync(join(old, entry), join(out, entry))
  rmSync(old, { recursive: true })
}

/** What captures that were killed left beside a golden's folder; those that still run are not counted. */
export function leftBeside(folder: string): string[] {
  const parent = dirname(folder)
  if (!existsSync(parent)) return []
  const pattern = new RegExp(`^\\.${basename(folder).replaceAll('.', '\\.')}\\.(capture|old)-(\\d+)$`)
  return readdirSync(parent)
    .filter(entry => {
      const pid = Number(pattern.exec(entry)?.[2])
      return pid > 0 && !isRunning(pid)
    })
    .map(entry => join(parent, entry))
}
