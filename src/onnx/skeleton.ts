import { create } from '@bufbuild/protobuf'
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts'
import { portOf } from './subgraph.ts'
import { exchanged } from './taps.ts'

/** Initialisers of fewer values may say what shape a tensor has: they are kept. */
const fewest = 1024n

/**
 * A model without its weights, which are inputs instead: what ONNX Runtime infers shapes of, however large the network is.
 * Nodes are shared, not copied.
 * @param outputs tensors of the main graph; ONNX Runtime finds their types
 * @param shape of the model's one input, for axes that the model leaves open
 */
export function skeleton(
  model: ModelProto,
  outputs: readonly string[],
  shape?: readonly number[],
): ModelProto {
  const { name, node, initializer, sparseInitializer, valueInfo, input } = model.graph!
  const names = new Set(initializer.map(tensor => tensor.name))
  const ports = input.filter(port => !names.has(port.name))
  const isLarge = ({ dims, dataType }: (typeof initializer)[0]) =>
    exchanged.has(dataType) && dims.reduce((a, b) => a * b, 1n) >= fewest
  const weights = initializer.filter(isLarge)
  return create(ModelProtoSchema, {
    irVersion: model.irVersion,
    opsetImport: model.opsetImport,
    functions: model.functions,
    graph: create(GraphProtoSchema, {
      ...{ name, node, sparseInitializer, valueInfo },
      initializer: initializer.filter(tensor => !isLarge(tensor)),
      input: [
        ...(shape && ports.length === 1 ? [withShape(ports[0]!, shape)] : ports),
        ...weights.map(tensor => portOf(tensor.name, tensor.dataType, tensor.dims.map(Number))),
      ],
      output: [...new Set(outputs)].map(output => create(ValueInfoProtoSchema, { name: output })),
    }),
  })
}

function withShape(port: ValueInfoProto, shape: readonly number[]): ValueInfoProto {
  const declared = port.type?.value
  if (declared?.case !== 'tensorType') return port
  const { elemType, shape: known } = declared.value
  if (known && known.dim.length !== shape.length) return port
  const lengths = shape.map((length, axis) => {
    const own = known?.dim[axis]?.value
    return own?.case === 'dimValue' ? Number(own.value) : length
  })
  return portOf(port.name, elemType, lengths)
}
