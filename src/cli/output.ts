import { existsSync, realpathSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { folderFault } from '../base/files.ts'

/** Says what a file is to a command that was made from it; undefined where it is nothing to it. Links are followed. */
export type Source = (path: string) => string | undefined

/** Files that a command reads. */
export function given(what: string, ...files: readonly (string | undefined)[]): Source {
  return path => (files.some(file => file !== undefined && followed(file) === path) ? what : undefined)
}

/** The path behind all links; as it is where there is nothing. */
export function followed(path: string): string {
  return existsSync(path) ? realpathSync.native(path) : resolve(path)
}

/** Throws where what is written would take the place of what it is made from. */
export function refuseSource(sources: readonly Source[], flag: string, file: string): void {
  // a new file takes the place of none
  if (!existsSync(file)) return
  const path = followed(file)
  for (const source of sources) {
    const what = source(path)
    if (what !== undefined)
      throw new DepthgateError(
        'usage',
        `${flag} ${file}: ${what}, and is not written over. Choose another name`,
      )
  }
}

/** Throws where what is written would take the place of what it is made from, or could not be written. */
export function checkOutput(sources: readonly Source[], flag: string, file: string): void {
  refuseSource(sources, flag, file)
  const path = resolve(file)
  const fault = existsSync(path) && statSync(path).isDirectory() ? 'is a folder' : folderFault(dirname(path))
  if (fault !== undefined)
    throw new DepthgateError('usage', `${flag} ${file}: cannot be written: ${fault}. Choose another place`)
}
