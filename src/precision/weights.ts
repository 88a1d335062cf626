import { create } from '@bufbuild/protobuf'
import { setFloats } from '../onnx/floats.ts'
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { tensorSource } from '../onnx/tensors.ts'
import { type RoundedFormat, roundTo, toBfloat16Bits, toHalfBits } from './round.ts'

/** A weight that was rounded to a format, and how many of its values the format could not hold. */
export interface ReducedWeight {
  tensor: string
  values: number
  /** Finite values beyond the format's largest, set to it. */
  clamped: number
  /** Values under half of the format's smallest. */
  flushed: number
}

export interface WeightRequest {
  format: RoundedFormat
  /** Whether the weight is stored in the format; else as float32 values that the format holds. */
  native: boolean
  flushTiny: boolean
  file: string
}

/** A float32 weight rounded to a format, under another name. The weight itself is left alone. */
export function reduceWeight(
  tensor: TensorProto,
  name: string,
  { format, native, flushTiny, file }: WeightRequest,
): { tensor: TensorProto; facts: ReducedWeight } {
  const values = tensorSource(tensor, file)
  const { dims, docString, metadataProps } = tensor
  const reduced = create(TensorProtoSchema, { name, dims, docString, metadataProps })
  const facts = { tensor: tensor.name, values: values.byteLength / 4, clamped: 0, flushed: 0 }
  if (native) {
    const { bits, clamped, flushed } =
      format === 'fp16' ? toHalfBits(values, { flushTiny }) : toBfloat16Bits(values, { flushTiny })
    reduced.dataType = format === 'fp16' ? TensorProto_DataType.FLOAT16 : TensorProto_DataType.BFLOAT16
    reduced.rawData = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength)
    return { tensor: reduced, facts: { ...facts, clamped, flushed } }
  }
  const rounded = roundTo(format, values, { flushTiny })
  setFloats(reduced, rounded.values)
  return { tensor: reduced, facts: { ...facts, clamped: rounded.clamped, flushed: rounded.flushed } }
}
