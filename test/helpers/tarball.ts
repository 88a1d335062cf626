import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './cli.ts'
import { repo, temporaryFolder } from './files.ts'

/** Packs the built package as npm would publish it, and returns the path of the tarball. */
export async function packedTarball(): Promise<string> {
  const folder = temporaryFolder()
  const { code, stderr } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], repo)
  if (code !== 0) throw new Error(`npm pack: ${stderr}`)
  return join(folder, readdirSync(folder).find(name => name.endsWith('.tgz'))!)
}
