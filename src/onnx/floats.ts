import { type TensorProto, TensorProto_DataType } from './gen/onnx_pb.ts'
import { setData, tensorBytes } from './tensors.ts'

/**
 * The values of a float32 tensor, wherever they are kept; `undefined` for other types. Do not write to them: where raw
 * data lie at a multiple of four they are a view of the model's own memory, else a copy.
 * @param path the model's file; external data lie relative to its folder
 */
export function floatsOf(tensor: TensorProto, path: string): Float32Array | undefined {
  if (tensor.dataType !== TensorProto_DataType.FLOAT) return undefined
  const bytes = tensorBytes(tensor, path)
  return bytes.byteOffset % 4 === 0
    ? new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Float32Array(bytes.slice().buffer)
}

/** Makes a tensor float32 with these values, which are kept, not copied. */
export function setFloats(tensor: TensorProto, values: Float32Array): void {
  setData(tensor, TensorProto_DataType.FLOAT, values)
}
