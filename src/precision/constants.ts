import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import {
  type GraphProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../onnx/gen/onnx_pb.ts'
import { attributeOf } from '../onnx/nodes.ts'

/** Makes initialisers of the Constant nodes that hold float32, in whichever attribute, so that both are converted alike. */
export function hoistConstants(graph: GraphProto, file: string): void {
  graph.node = graph.node.filter(node => {
    const tensor = node.opType === 'Constant' ? floatConstant(node, file) : undefined
    if (!tensor) return true
    graph.initializer.push(tensor)
    return false
  })
}

/** Tensors of a graph that do not change from run to run: weights, and what Constant nodes write. */
export function constantsOf({ initializer, node }: GraphProto): string[] {
  return [
    ...initializer.map(({ name }) => name),
    ...node.filter(({ opType }) => opType === 'Constant').flatMap(({ output }) => output),
  ]
}

function floatConstant(node: NodeProto, file: string): TensorProto | undefined {
  const name = node.output[0]!
  const one = attributeOf(node, 'value_float')
  const many = attributeOf(node, 'value_floats')
  if (attributeOf(node, 'sparse_value'))
    throw new DepthgateError(
      'precision',
      `${file}: the constant ${JSON.stringify(name)} is sparse, which cannot be converted. Export it dense`,
    )
  if (one || many)
    return create(TensorProtoSchema, {
      name,
      dataType: TensorProto_DataType.FLOAT,
      dims: one ? [] : [BigInt(many!.floats.length)],
      floatData: one ? [one.f] : many!.floats,
    })
  const tensor = attributeOf(node, 'value')?.t
  if (tensor?.dataType !== TensorProto_DataType.FLOAT) return undefined
  tensor.name = name
  return tensor
}
