import { statSync } from 'node:fs'
import { sha256, sha256File } from '../base/files.ts'
import { externalFile } from './external.ts'
import { readModel } from './model.ts'
import { isExternal, tensorsOf } from './tensors.ts'

interface Known {
  stamp: string
  external: string[]
  /** The stamp of all files, and their hash, once it was asked for. */
  hashed?: { stamp: string; hash: string }
}

const known = new Map<string, Known>()

/**
 * SHA-256 of a model with everything that it computes with: of its file, and where weights lie in external data, of those
 * files too. A process hashes files once while their times and sizes stay. Throws where external data are missing or lie
 * outside the model's folder.
 */
export function hashOnnx(onnx: string): string {
  const model = look(onnx)
  const stamp = stampsOf([onnx, ...model.external])
  if (model.hashed?.stamp !== stamp) {
    const own = sha256File(onnx)
    const hash =
      model.external.length === 0 ? own : sha256([own, ...model.external.map(sha256File)].join('\n'))
    model.hashed = { stamp, hash }
  }
  return model.hashed.hash
}

/** Another text whenever the model's file, or one that holds its external data, is another, as far as times and sizes tell. */
export function stampOf(onnx: string): string {
  return stampsOf([onnx, ...look(onnx).external])
}

function look(onnx: string): Known {
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
