import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  ValueInfoProtoSchema,
} from './gen/onnx_pb.ts'
import { capturedBy, producersOf, tensorNames } from './graph.ts'
import { inferTypes } from './types.ts'

/**
 * The part of a model that computes `outputs` from `inputs`, tensors of the main graph, as a model of its own. Nodes and
 * weights are shared with the model, not copied; the order of nodes is kept.
 * @param shapeOf lengths of axes for the new inputs; they are left open where they are not known
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
  const { typeOf } = inferTypes(model)
  const port = (name: string) => {
    const elemType = typeOf(name)
    const dim = shapeOf(name)?.map(length => ({
      value:
        typeof length === 'number'
          ? ({ case: 'dimValue', value: BigInt(length) } as const)
          : ({ case: 'dimParam', value: length } as const),
    }))
    return create(ValueInfoProtoSchema, {
      name,
      ...(typeof elemType === 'number' && {
        type: { value: { case: 'tensorType', value: { elemType, ...(dim && { shape: { dim } }) } } },
      }),
    })
  }
  return create(ModelProtoSchema, {
    irVersion: model.irVersion,
    opsetImport: model.opsetImport,
    functions: model.functions,
    graph: create(GraphProtoSchema, {
      name: graph.name,
      node: graph.node.filter(node => nodes.has(node)),
      initializer: graph.initializer.filter(({ name }) => needed.has(name)),
      sparseInitializer: graph.sparseInitializer.filter(({ values }) => needed.has(values?.name ?? '')),
      valueInfo: graph.valueInfo.filter(({ name }) => needed.has(name)),
      input: inputs.map(port),
      output: outputs.map(port),
    }),
  })
}
