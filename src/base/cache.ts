import { resolve } from 'node:path'
import { DepthgateError } from './errors.ts'
import { folderFault } from './files.ts'

/**
 * The folder of what depthgate can make anew: DEPTHGATE_CACHE, else what the config names, else `.depthgate`.
 * @param root the config's folder
 * @param named `cache` of the config
 */
export function cacheFolder(root: string, named = '.depthgate'): string {
  const { DEPTHGATE_CACHE: wanted } = process.env
  return wanted ? resolve(wanted) : resolve(root, named)
}

/** Throws where nothing can be written into a folder of the cache: before work begins that could not be kept. */
export function checkCache(folder: string): void {
  const fault = folderFault(folder)
  if (fault !== undefined)
    throw new DepthgateError(
      'write',
      `${folder}: cannot be written: ${fault}. What depthgate makes and tries is kept there: make it writable, or name another folder, by \`cache\` in the config or by DEPTHGATE_CACHE in the environment`,
    )
}
