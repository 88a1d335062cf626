import { sha256, sha256File } from '../base/files.ts'
import { externalFile } from './external.ts'
import type { ModelProto } from './gen/onnx_pb.ts'
import { parseModel, readBytes } from './model.ts'
import { isExternal, tensorsOf } from './tensors.ts'

/**
 * SHA-256 of a model with everything that it computes with: of its file, and where weights lie in external data, of those
 * files too. Throws where external data are missing or lie outside the model's folder.
 */
export function hashOnnx(onnx: string): string {
  const bytes = readBytes(onnx)
  const own = sha256(bytes)
  const external = externalFiles(parseModel(bytes, onnx), onnx)
  return external.length === 0 ? own : sha256([own, ...external.map(sha256File)].join('\n'))
}

/** The files of external data that a model names, in the order of their names. */
function externalFiles(model: ModelProto, onnx: string): string[] {
  return [
    ...new Set([...tensorsOf(model)].filter(isExternal).map(tensor => externalFile(tensor, onnx))),
  ].sort()
}
