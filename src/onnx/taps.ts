import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { type ModelProto, TensorProto_DataType as Type } from './gen/onnx_pb.ts'
import { inferTypes, type TypeTable } from './types.ts'

/** Types that ONNX Runtime hands over as numbers. */
const readable: ReadonlySet<unknown> = new Set([Type.FLOAT, Type.FLOAT16, Type.DOUBLE])

/** Types that ONNX Runtime hands over and takes. bfloat16 and float8 it refuses; an int4 output ends the process. */
export const exchanged: ReadonlySet<unknown> = new Set([
  ...[Type.FLOAT, Type.FLOAT16, Type.DOUBLE, Type.BOOL],
  ...[Type.INT8, Type.UINT8, Type.INT16, Type.UINT16, Type.INT32, Type.UINT32, Type.INT64, Type.UINT64],
])

/**
 * The types of a model's tensors. Throws unless each of these is one of the main graph that holds floats which may be
 * fetched.
 * @param file how errors call the model
 */
export function checkTaps(model: ModelProto, tensors: readonly string[], file: string): TypeTable['typeOf'] {
  const graph = model.graph!
  const written = new Set([
    ...graph.input.map(({ name }) => name),
    ...graph.node.flatMap(({ output }) => output),
  ])
  written.delete('')
  const { typeOf } = inferTypes(model)
  for (const tensor of tensors) {
    const where = `${file}: the tensor ${JSON.stringify(tensor)}`
    if (!written.has(tensor))
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: no node of the main graph writes it${didYouMean(tensor, [...written])}`,
      )
    const type = typeOf(tensor)
    if (type === undefined)
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: it is of unknown type. Write the types into the model with Python's onnx.shape_inference, or as its value_info`,
      )
    if (!readable.has(type))
      throw new DepthgateError(
        'onnx',
        `${where} cannot be tapped: it is ${typeof type === 'string' ? type : Type[type].toLowerCase()}, and only float32, float16 and float64 may be fetched`,
      )
  }
  return typeOf
}
