import { existsSync } from 'node:fs'
import { basename, extname, resolve } from 'node:path'
import { globSync } from 'tinyglobby'
import { DepthgateError } from '../base/errors.ts'
import { isLetterName, toLetterName } from '../base/names.ts'
import { checkSceneName } from './names.ts'

/** Scene name → file, from paths and globs. One that matches nothing, and two files of one name, are errors. */
export function findScenes(globs: readonly string[]): Map<string, string> {
  const scenes = new Map<string, string>()
  // as file systems that are blind to case see them
  const seen = new Map<string, string>()
  for (const glob of globs) {
    const files = existsSync(glob) ? [glob] : globSync(glob, { expandDirectories: false }).sort()
    if (files.length === 0) throw new DepthgateError('capture', `--scenes ${glob}: matches no file`)
    for (const file of files) {
      const name = sceneName(file)
      const folded = name.toUpperCase()
      const other = seen.get(folded)
      if (other !== undefined && resolve(other) !== resolve(file))
        throw new DepthgateError(
          'capture',
          `${other} and ${file}: two goldens of one name (${name}). Rename one`,
        )
      seen.set(folded, file)
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
  const name = toLetterName(basename(file, extension))
  if (!isLetterName(name))
    throw new DepthgateError(
      'capture',
      `${file}: no scene name can be made of this file name; use letters, digits . _ -`,
    )
  return checkSceneName(name)
}
