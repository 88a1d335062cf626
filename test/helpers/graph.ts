import { create } from '@bufbuild/protobuf'
import ort from 'onnxruntime-node'
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../src/onnx/model.ts'

type AttributeValue =
  | number
  | string
  | number[]
  | GraphProto
  | { float: number }
  | { tensor: Weight }
  | { reference: string }

/** A node; whole numbers become INT and INTS attributes, `{ float }` FLOAT, `{ tensor }` TENSOR, graphs bodies. */
export function nodeOf(
  opType: string,
  input: string[],
  output: string[],
  attributes: Record<string, AttributeValue> = {},
  more: { name?: string; domain?: string } = {},
): NodeProto {
  const attribute = Object.entries(attributes).map(([name, value]) => attributeOf(name, value))
  return create(NodeProtoSchema, { opType, input, output, attribute, ...more })
}

function attributeOf(name: string, value: AttributeValue): AttributeProto {
  const type = AttributeProto_AttributeType
  const made = create(AttributeProtoSchema, { name })
  if (typeof value === 'number') Object.assign(made, { type: type.INT, i: BigInt(value) })
  else if (typeof value === 'string') Object.assign(made, { type: type.STRING, s: Buffer.from(value) })
  else if (Array.isArray(value)) Object.assign(made, { type: type.INTS, ints: value.map(BigInt) })
  else if ('float' in value) Object.assign(made, { type: type.FLOAT, f: value.float })
  else if ('tensor' in value) Object.assign(made, { type: type.TENSOR, t: tensorOf('', value.tensor) })
  else if ('reference' in value) Object.assign(made, { type: type.INTS, refAttrName: value.reference })
  else Object.assign(made, { type: type.GRAPH, g: value })
  return made
}

interface Port {
  name: string
  shape?: (number | string)[]
  type?: TensorProto_DataType
}

/** An input or output; with neither shape nor type only its name is told, and ONNX Runtime finds the rest. */
function portOf({ name, shape, type }: Port): ValueInfoProto {
  if (!shape && !type) return create(ValueInfoProtoSchema, { name })
  const dim = shape?.map(length =>
    typeof length === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(length) } }
      : { value: { case: 'dimParam' as const, value: length } },
  )
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: type ?? TensorProto_DataType.FLOAT, ...(dim && { shape: { dim } }) },
      },
    },
  })
}

export interface Weight {
  dims: number[]
  values: readonly number[]
  /** By default float32; int64 goes into int64_data. */
  type?: TensorProto_DataType
}

export interface GraphInit {
  nodes: NodeProto[]
  inputs?: Port[]
  outputs: Port[]
  weights?: Record<string, Weight>
}

export function graphOf({ nodes, inputs = [], outputs, weights = {} }: GraphInit): GraphProto {
  return create(GraphProtoSchema, {
    name: 'graph',
    node: nodes,
    input: inputs.map(portOf),
    output: outputs.map(portOf),
    initializer: Object.entries(weights).map(([name, weight]) => tensorOf(name, weight)),
  })
}

function tensorOf(name: string, { dims, values, type = TensorProto_DataType.FLOAT }: Weight): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: dims.map(BigInt),
    dataType: type,
    ...(type === TensorProto_DataType.INT64 ? { int64Data: values.map(BigInt) } : { floatData: [...values] }),
  })
}

export function modelOf(opset: number, init: GraphInit, irVersion = 7): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    graph: graphOf(init),
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })],
  })
}

/** Values that repeat themselves on every machine, between -1 and 1. */
export function noise(length: number, seed = 1): Float32Array {
  let state = seed * 2654435761
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}

/** A weight of noise. */
export function noisy(...dims: number[]): Weight {
  const length = dims.reduce((product, axis) => product * axis, 1)
  return { dims, values: [...noise(length, dims.length)] }
}

/** Runs a model in ONNX Runtime, unfused, and returns these tensors of it, whether they are outputs or not. */
export async function fetched(
  model: ModelProto,
  feeds: Record<string, ort.Tensor>,
  fetch: readonly string[],
): Promise<Record<string, ort.Tensor>> {
  const graph = model.graph!
  const known = new Set(graph.output.map(({ name }) => name))
  graph.output.push(...fetch.filter(name => !known.has(name)).map(name => portOf({ name })))
  const session = await ort.InferenceSession.create(Buffer.concat(encodeModel(model)), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  const found = await session.run(feeds, [...fetch])
  await session.release()
  return found as Record<string, ort.Tensor>
}

/** Runs a model in ONNX Runtime on float32 inputs of the shapes it declares, and returns all outputs. */
export async function runModel(
  model: ModelProto,
  feeds: Record<string, Float32Array>,
  fusion: 'on' | 'off' = 'off',
): Promise<Record<string, { data: ArrayLike<number | bigint>; dims: readonly number[] }>> {
  const session = await ort.InferenceSession.create(Buffer.concat(encodeModel(model)), {
    graphOptimizationLevel: fusion === 'on' ? 'all' : 'disabled',
    logSeverityLevel: 4,
  })
  const shapes = new Map(session.inputMetadata.map(port => [port.name, port.isTensor ? port.shape : []]))
  const tensors = Object.entries(feeds).map(([name, values]) => [
    name,
    new ort.Tensor('float32', values, shapes.get(name) as number[]),
  ])
  const results = await session.run(Object.fromEntries(tensors))
  await session.release()
  return Object.fromEntries(
    Object.entries(results).map(([name, tensor]) => {
      const { data, dims } = tensor as ort.Tensor
      return [name, { data: data as ArrayLike<number | bigint>, dims }]
    }),
  )
}
