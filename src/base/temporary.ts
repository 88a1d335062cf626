import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Those of this process. Where a signal ends it, whoever made them cannot remove them. */
const folders = new Set<string>()
process.once('exit', () => {
  for (const folder of folders)
    try {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    } catch {}
})

/** Has a folder, made or yet to be made, go with this process. */
export function goesWithProcess(folder: string): void {
  folders.add(folder)
}

/** A new folder among the system's temporary ones; it goes with this process at the latest. */
export function makeTemporary(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `depthgate-${name}-`))
  goesWithProcess(folder)
  return folder
}

export function removeTemporary(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}
