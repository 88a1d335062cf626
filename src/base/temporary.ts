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

/** A new folder among the system's temporary ones; it goes with this process at the latest. */
export function makeTemporary(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `depthgate-${name}-`))
  folders.add(folder)
  return folder
}

export function removeTemporary(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  folders.delete(folder)
}
