import { existsSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { globSync } from 'tinyglobby'
import { DepthgateError } from '../base/errors.ts'
import { isName, toName } from '../base/names.ts'
import { checkSceneName } from './names.ts'

/** Scene name → file, from paths and globs. One that matches nothing, and two files of one name, are errors. */
export function findScenes(globs: readonly string[]): Map<string, string> {
  const scenes = new Map<string, string>()
  for (const glob of globs) {
    const files = existsSync(glob) ? [glob] : globSync(glob, { expandDirectories: false }).sort()
    if (files.length === 0) throw new DepthgateError('capture', `--scenes ${glob}: matches no file`)
    for (const file of files) {
      const name = sceneName(file)
      const other = scenes.get(name)
      if (other !== undefined && resolve(other) !== resolve(file))
        throw new DepthgateError(
          'capture',
          `${other} and ${file}: two goldens of one name (${name}). Rename one`,
        )
      scenes.set(name, file)
    }
  }
  return scenes
}

function sceneName(file: string): string {
  const extension = extname(file)
  if (extension !== '.png' && extension !== '.npy')
    throw new DepthgateError(
      'capture',
      `${file}: a scene is a .png or .npy, so that PyTorch and the engine see the same numbers. Convert it at the network's input size`,
    )
  const name = toName(basename(file, extension))
  if (!isName(name))
    throw new DepthgateError(
      'capture',
      `${file}: no scene name can be made of this file name; use a-z 0-9 . _ -`,
    )
  return checkSceneName(name)
}
