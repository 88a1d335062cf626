import { clearField } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import {
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from './gen/onnx_pb.ts'

/** The values of a float32 tensor, from wherever they are kept; always a copy. `undefined` for other types. */
export function floatsOf(tensor: TensorProto, file: string): Float32Array | undefined {
  if (tensor.dataType !== TensorProto_DataType.FLOAT) return undefined
  if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL)
    throw new DepthgateError(
      'onnx',
      `${file}: the weight ${tensor.name} is in external data, which this version does not convert. Export one file, or bring your own ONNX of this precision`,
    )
  if (tensor.rawData.length === 0) return Float32Array.from(tensor.floatData)
  // raw data lie at any offset, a Float32Array only at multiples of four
  return new Float32Array(tensor.rawData.slice().buffer)
}

/** Puts float32 values into a tensor as raw data. */
export function setFloats(tensor: TensorProto, values: Float32Array): void {
  clearField(tensor, TensorProtoSchema.field.floatData)
  tensor.dataType = TensorProto_DataType.FLOAT
  tensor.rawData = new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}
