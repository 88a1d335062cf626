import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto_DataType,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts'
import { capturedBy, producersOf, tensorNames } from './graph.ts'
import { inferTypes, type TypeTable } from './types.ts'

/**
 * The part of a model that computes `outputs` from `inputs`, tensors of the main graph, as a model of its own. Nodes and
 * weights are shared with the model, not copied; the order of nodes is kept.
 * @param shapeOf lengths of axes for the new inputs; they are left open where they are not known. Inputs of the model stay as they are
 * @throws DepthgateError where a tensor is not there, or where an output needs an input of the model that is not given
 */
export function subgraph(
  model: ModelProto,
  inputs: readonly string[],
  outputs: readonly string[],
  file: string,
  shapeOf: (tensor: string) => readonly (number | string)[] | undefined = () => undefined,
): ModelProto {
  const graph = model.graph!
  const known = tensorNames(graph)
  for (const name of [...inputs, ...outputs])
    if (!known.has(name))
      throw new DepthgateError(
        'onnx',
        `${file}: has no tensor ${JSON.stringify(name)}${didYouMean(name, [...known])}`,
      )
  const producers = producersOf(graph)
  const weights = new Set(graph.initializer.map(({ name }) => name))
  const nodes = new Set<NodeProto>()
  const needed = new Set<string>()
  const waiting = [...outputs]
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    if (needed.has(name) || inputs.includes(name)) continue
    needed.add(name)
    const producer = producers.get(name)
    if (producer) {
      nodes.add(producer)
      waiting.push(...producer.input.filter(input => input !== ''), ...capturedBy(producer))
    } else if (!weights.has(name))
      throw new DepthgateError(
        'onnx',
        `${file}: ${outputs.join(', ')} needs the input ${name}, which the part does not have`,
      )
  }
  return partOf(model, { nodes, inputs, outputs }, inferTypes(model).typeOf, shapeOf)
}

/** Some nodes of a model's main graph, what they read from outside, and what of theirs is wanted. */
export interface Part {
  nodes: ReadonlySet<NodeProto>
  inputs: readonly string[]
  outputs: readonly string[]
}

/** Some nodes as a model of their own, with the weights that they read. Nodes and weights are shared, not copied. */
export function partOf(
  model: ModelProto,
  { nodes, inputs, outputs }: Part,
  typeOf: TypeTable['typeOf'],
  shapeOf: (tensor: string) => readonly (number | string)[] | undefined = () => undefined,
): ModelProto {
  const graph = model.graph!
  const node = graph.node.filter(each => nodes.has(each))
  const read = new Set(node.flatMap(each => [...each.input, ...capturedBy(each)]))
  for (const name of outputs) read.add(name)
  for (const name of inputs) read.delete(name)
  const written = new Set(node.flatMap(({ output }) => output))
  const declared = new Map(graph.input.map(port => [port.name, port]))
  const port = (name: string) => {
    const type = typeOf(name)
    return portOf(name, typeof type === 'number' ? type : undefined, shapeOf(name))
  }
  return create(ModelProtoSchema, {
    irVersion: model.irVersion,
    opsetImport: model.opsetImport,
    functions: model.functions,
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node,
      initializer: graph.initializer.filter(({ name }) => read.has(name)),
      sparseInitializer: graph.sparseInitializer.filter(({ values }) => read.has(values?.name ?? '')),
      valueInfo: graph.valueInfo.filter(({ name }) => written.has(name)),
      input: inputs.map(name => declared.get(name) ?? port(name)),
      output: outputs.map(port),
    }),
  })
}

/** An input or output of a graph. What is not known of it is left open. */
export function portOf(
  name: string,
  elemType?: TensorProto_DataType,
  shape?: readonly (number | string)[],
): ValueInfoProto {
  const dim = shape?.map(length => ({
    value:
      typeof length === 'number'
        ? ({ case: 'dimValue', value: BigInt(length) } as const)
        : ({ case: 'dimParam', value: length } as const),
  }))
  return create(ValueInfoProtoSchema, {
    name,
    ...(elemType !== undefined && {
      type: { value: { case: 'tensorType', value: { elemType, ...(dim && { shape: { dim } }) } } },
    }),
  })
}
