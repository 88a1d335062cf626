import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { type ModelProto, TensorProto_DataType, ValueInfoProtoSchema } from './gen/onnx_pb.ts'
import { encodeModel } from './model.ts'
import { inferTypes } from './types.ts'

const { FLOAT, FLOAT16, DOUBLE } = TensorProto_DataType

/** Types that ONNX Runtime hands over as numbers. bfloat16 and float8 it refuses; an int4 output ends the process. */
const readable: ReadonlySet<unknown> = new Set([FLOAT, FLOAT16, DOUBLE])

/**
 * Throws unless each of these is a tensor of the main graph that holds floats which may be fetched.
 * @param file how errors call the model
 */
export function checkTaps(model: ModelProto, tensors: readonly string[], file: string): void {
  const graph = model.graph!
  const written = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ])
  written.delete('')
  const types = inferTypes(model)
  for (const tensor of tensors) {
    const where = `${file}: the tensor ${JSON.stringify(tensor)}`
    if (!written.has(tensor))
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: no node of the main graph writes it${didYouMean(tensor, [...written])}`,
      )
    const type = types.typeOf(tensor)
    if (type === undefined)
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: it is of unknown type. Write the types into the model with Python's onnx.shape_inference, or as its value_info`,
      )
    if (!readable.has(type))
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: it is ${typeof type === 'string' ? type : TensorProto_DataType[type].toLowerCase()}, and only float32, float16 and float64 may be fetched`,
      )
  }
}

/**
 * The bytes of a model with tensors as further outputs, told by name only: ONNX Runtime finds their types. The model
 * itself is left as it was.
 */
export function encodeTapped(model: ModelProto, tensors: readonly string[]): Uint8Array[] {
  const graph = model.graph!
  const { output } = graph
  const known = new Set(output.map(({ name }) => name))
  const taps = [...new Set(tensors)].filter(name => !known.has(name))
  graph.output = [...output, ...taps.map(name => create(ValueInfoProtoSchema, { name }))]
  try {
    return encodeModel(model)
  } finally {
    graph.output = output
  }
}
