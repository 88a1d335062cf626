import { writeWhole } from '../base/files.ts'
import type { ModelProto } from './gen/onnx_pb.ts'
import { encodeModel } from './model.ts'

export function writeModel(
  path: string,
  model: ModelProto,
  _options: { from: string; external?: boolean | 'auto' },
): void {
  writeWhole(path, Buffer.concat(encodeModel(model)))
}
