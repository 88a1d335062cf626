import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../onnx/gen/onnx_pb.ts'
import { capturedBy, freshNames } from '../onnx/graph.ts'
import type { QuantizePlan } from './quantize-plan.ts'
import { quantizedType, quantizeWeight, scalesFor } from './quantized-weight.ts'

/** What a quantisation did. */
export interface Quantized {
  /** Nodes that read quantised tensors. */
  nodes: number
  /** Nodes of the chosen operators that do not, and why. */
  kept: QuantizePlan['kept']
  /** Each tensor that is quantised while the network runs, and the magnitude up to which it keeps its values. */
  activations: { tensor: string; range: number }[]
  /** Weights that are stored quantised, and how many values they have. */
  weights: { tensor: string; values: number }[]
}

/**
 * Quantises a planned model, in place: the nodes of the plan read their inputs by way of QuantizeLinear and
 * DequantizeLinear, everything else, sums and biases too, stays FP32; `convert` makes another rest of it. A tensor `t` is
 * quantised once for all its quantised readers, as `t/int8` (or `t/fp8`), with one scale, symmetrically; others read `t`
 * itself. Weights are stored quantised, with a DequantizeLinear; one that nobody else reads in float32 is gone.
 * @param ranges the magnitude up to which each activation of the plan keeps its values; 0 for one that is 0 throughout
 * @param file how errors call the model; external data lie beside it
 */
export function quantize(
  model: ModelProto,
  plan: QuantizePlan,
  ranges: ReadonlyMap<string, number>,
  file: string,
): Quantized {
  const graph = model.graph!
  const { format } = plan
  const fresh = freshNames(graph)
  const weights = new Map(graph.initializer.map(tensor => [tensor.name, tensor]))
  // listed as inputs too, weights of old exports could be replaced from outside
  graph.input = graph.input.filter(({ name }) => !weights.has(name))
  const irVersion = format === 'fp8' ? 9n : 4n
  if (model.irVersion < irVersion) model.irVersion = irVersion
  const made: TensorProto[] = []
  const atStart: NodeProto[] = []
  const behind = new Map<string, NodeProto[]>()
  const result: Quantized = { nodes: plan.nodes.size, kept: plan.kept, activations: [], weights: [] }

  const known = new Map<string, string>()
  for (const node of graph.node)
    for (const slot of plan.nodes.get(node) ?? []) {
      const name = node.input[slot.slot]!
      node.input[slot.slot] = slot.kind === 'activation' ? activation(name) : weight(name, slot.axis)
    }
  graph.node = [
    ...atStart,
    ...graph.input.flatMap(({ name }) => behind.get(name) ?? []),
    ...graph.node.flatMap(node => [node, ...node.output.flatMap(name => behind.get(name) ?? [])]),
  ]
  const read = readNames(graph.node, graph.output)
  const gone = new Set(result.weights.map(({ tensor }) => tensor).filter(name => !read.has(name)))
  graph.initializer = [...graph.initializer.filter(({ name }) => !gone.has(name)), ...made]
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !gone.has(name))
  return result

  /** The quantised tensor given back as float32, made once whoever reads it. */
  function activation(name: string): string {
    return once(`activation ${name}`, () => {
      const range = rangeFor(name, ranges, file)
      const low = fresh(`${name}/${format}`)
      const scale = floats(fresh(`${low}/scale`), scalesFor(format, [range]))
      const back = fresh(`${low}/fp32`)
      behind.set(name, [
        linear('QuantizeLinear', [name, scale, zeros()], low),
        linear('DequantizeLinear', [low, scale, zeros()], back),
      ])
      result.activations.push({ tensor: name, range })
      return back
    })
  }

  function weight(name: string, axis: number | undefined): string {
    return once(`weight ${axis} ${name}`, () => {
      const { data, scales } = quantizeWeight(weights.get(name)!, axis, format, file)
      data.name = fresh(`${name}/${format}`)
      made.push(data)
      const channels = axis === undefined ? undefined : scales.length
      const scale = floats(fresh(`${data.name}/scale`), scales, channels)
      const back = fresh(`${data.name}/fp32`)
      atStart.push(linear('DequantizeLinear', [data.name, scale, zeros(channels)], back, axis))
      result.weights.push({ tensor: name, values: data.rawData.length })
      return back
    })
  }

  /** Zero points: one, or one a channel. */
  function zeros(channels?: number): string {
    return once(`zeros ${channels}`, () => {
      const name = fresh(`depthgate/${format}/zero${channels === undefined ? '' : `/${channels}`}`)
      made.push(
        create(TensorProtoSchema, {
          name,
          dims: dimsOf(channels),
          dataType: quantizedType[format],
          rawData: new Uint8Array(channels ?? 1),
        }),
      )
      return name
    })
  }

  function floats(name: string, values: Float32Array, channels?: number): string {
    made.push(
      create(TensorProtoSchema, {
        name,
        dims: dimsOf(channels),
        dataType: TensorProto_DataType.FLOAT,
        rawData: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
      }),
    )
    return name
  }

  function once(key: string, make: () => string): string {
    const name = known.get(key) ?? make()
    known.set(key, name)
    return name
  }
}

/** A scalar, or one axis of channels. */
function dimsOf(channels: number | undefined): bigint[] {
  return channels === undefined ? [] : [BigInt(channels)]
}

function rangeFor(tensor: string, ranges: ReadonlyMap<string, number>, file: string): number {
  const range = ranges.get(tensor)
  if (range !== undefined && Number.isFinite(range) && range >= 0) return range
  throw new DepthgateError(
    'calibration',
    `${file}: the range of the tensor ${JSON.stringify(tensor)} is ${range}, expected a finite number from 0. Calibrate on scenes that this network was made for`,
  )
}

function readNames(nodes: readonly NodeProto[], outputs: readonly { name: string }[]): Set<string> {
  return new Set([
    ...nodes.flatMap(node => [...node.input, ...capturedBy(node)]),
    ...outputs.map(({ name }) => name),
  ])
}

/** A node that quantises or gives back; its name is made from what it writes, as ONNX Runtime refuses two of one name. */
function linear(
  opType: 'QuantizeLinear' | 'DequantizeLinear',
  input: string[],
  output: string,
  axis?: number,
): NodeProto {
  const attribute =
    axis === undefined
      ? []
      : [
          create(AttributeProtoSchema, {
            name: 'axis',
            type: AttributeProto_AttributeType.INT,
            i: BigInt(axis),
          }),
        ]
  return create(NodeProtoSchema, {
    opType,
    name: `depthgate-${opType === 'QuantizeLinear' ? 'quantize' : 'dequantize'}:${output}`,
    input,
    output: [output],
    attribute,
  })
}
