import { statSync } from 'node:fs'
import { sha256, sha256File } from '../base/files.ts'
import { externalFile } from './external.ts'
import { readModel } from './model.ts'
import { isExternal, tensorsOf } from './tensors.ts'

const known = new Map<string, { stamp: string; external: string[] }>()
const hashed = new Map<string, { stamp: string; hash: string }>()

/**
 * SHA-256 of a model with everything that it computes with: of its file, and where weights lie in external data, of those
 * files too. A process hashes files once while their times and sizes stay. Throws where external data are missing or lie
 * outside the model's folder.
 */
export function hashOnnx(onnx: string): string {
  const { external } = look(onnx)
  const own = hashFile(onnx)
  return external.length === 0 ? own : sha256([own, ...external.map(hashFile)].join('\n'))
}

/** Networks that are tried one after another share files of gigabytes. */
function hashFile(file: string): string {
  const stamp = stampsOf([file])
  let found = hashed.get(file)
  if (found?.stamp !== stamp) {
    found = { stamp, hash: sha256File(file) }
    hashed.set(file, found)
  }
  return found.hash
}

/** Another text whenever the model's file, or one that holds its external data, is another, as far as times and sizes tell. */
export function stampOf(onnx: string): string {
  return stampsOf([onnx, ...look(onnx).external])
}

/** The files that hold a model's external data. */
export function externalFiles(onnx: string): readonly string[] {
  return look(onnx).external
}

function look(onnx: string): { stamp: string; external: string[] } {
  const stamp = stampsOf([onnx])
  let model = known.get(onnx)
  if (model?.stamp !== stamp) {
    const external = new Set(
      [...tensorsOf(readModel(onnx))].filter(isExternal).map(tensor => externalFile(tensor, onnx)),
    )
    model = { stamp, external: [...external].sort() }
    known.set(onnx, model)
  }
  return model
}

function stampsOf(files: readonly string[]): string {
  return files
    .map(file => {
      const found = statSync(file, { throwIfNoEntry: false })
      return found ? `${found.mtimeMs} ${found.size} ${found.ino}` : 'none'
    })
    .join('\n')
}
