import { statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { folderFault, followed } from '../base/files.ts'

/** Says what a file is to a command that was made from it; undefined where it is nothing to it. Links are followed. */
export type Source = (path: string) => string | undefined

/** Files that a command reads. */
export function given(what: string, ...files: readonly (string | undefined)[]): Source {
  return path => (files.some(file => file !== undefined && followed(file) === path) ? what : undefined)
}

/** Throws where what is written would take the place of what it is made from. */
export function refuseSource(sources: readonly Source[], flag: string, file: string): void {
  const path = followed(file)
  // a new file takes the place of none
  if (path === undefined) return
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
  const path = followed(file)
  checkPlace(flag, file, path !== undefined && statSync(path).isDirectory() ? 'is a folder' : undefined)
}

/** Throws where nothing can be written. */
export function checkPlace(flag: string, file: string, fault = folderFault(dirname(resolve(file)))): void {
  if (fault !== undefined)
    throw new DepthgateError('usage', `${flag} ${file}: cannot be written: ${fault}. Choose another place`)
}
