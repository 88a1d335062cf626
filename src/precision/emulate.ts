import { DepthgateError } from '../base/errors.ts'
import { floatsOf, setFloats } from '../onnx/floats.ts'
import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  TensorProto_DataType,
} from '../onnx/gen/onnx_pb.ts'
import { castNode, eachNode, opsetOf } from '../onnx/nodes.ts'
import { type RoundedFormat, roundTo } from './round.ts'

/** What rounding a model did to it. */
export interface Emulation {
  /** Tensors that are rounded while the network runs. */
  tensors: number
  /** Weights in all, and those that the format could not hold. */
  weights: number
  clamped: number
  flushed: number
}

const onnxType = { fp16: TensorProto_DataType.FLOAT16, bf16: TensorProto_DataType.BFLOAT16 } as const

/** Operators whose results are values of their inputs, or exact in any format that holds those: no second rounding. */
const exact = new Set([
  'Abs',
  'Concat',
  'DepthToSpace',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'GatherND',
  'Identity',
  'Max',
  'MaxPool',
  'Min',
  'Neg',
  'Pad',
  'Relu',
  'Reshape',
  'Slice',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'Tile',
  'Transpose',
  'Unsqueeze',
  'Where',
])

/** Inputs that the specification keeps in float32, by their index: sizes and coordinates, not data. */
const fixedInputs: Record<string, readonly number[]> = { Resize: [1, 2], Upsample: [1] }

/**
 * Rounds every float32 tensor of a model to a reduced format, in place: weights once and for all, results of operators
 * by a Cast there and back. The kernels stay FP32 and so accumulate in FP32: on a CPU this shows what the number format
 * alone costs (error within 1 % and 7 % of PyTorch's FP16 on the two networks where it was measured), and not what
 * kernels add that accumulate in the reduced format.
 * @param typeOf the element type of a tensor, as ONNX Runtime names it
 * @param file how errors call the model
 */
export function emulate(
  model: ModelProto,
  format: RoundedFormat,
  typeOf: (tensor: string) => string | undefined,
  file: string,
): Emulation {
  const graph = model.graph!
  refuse(model, format, file)
  const untouched = fixedOnly(graph)
  const result: Emulation = { tensors: 0, weights: 0, clamped: 0, flushed: 0 }
  for (const tensor of graph.initializer) {
    const values = untouched.has(tensor.name) ? undefined : floatsOf(tensor, file)
    if (!values) continue
    const rounded = roundTo(format, values)
    setFloats(tensor, rounded.values)
    result.weights += values.length
    result.clamped += rounded.clamped
    result.flushed += rounded.flushed
  }

  const weights = new Set(graph.initializer.map(({ name }) => name))
  const nodes: NodeProto[] = []
  for (const { name } of graph.input) {
    if (weights.has(name) || typeOf(name) !== 'float32') continue
    const rounded = `${name}/${format}`
    nodes.push(...pair(name, rounded))
    eachNode(graph, node => {
      node.input = node.input.map(input => (input === name ? rounded : input))
    })
    result.tensors++
  }
  for (const node of graph.node) {
    nodes.push(node)
    if (exact.has(node.opType)) continue
    for (const [index, output] of node.output.entries()) {
      if (output === '' || untouched.has(output)) continue
      const type = typeOf(output)
      if (type === undefined)
        throw new DepthgateError(
          'precision',
          `${file}: the type of the tensor ${output} (${node.opType}) is unknown, so it cannot be rounded`,
        )
      if (type !== 'float32') continue
      // the producer's output is renamed and the name goes to the rounded value: users and graph outputs stay as they are
      const raw = `${output}/exact`
      node.output[index] = raw
      nodes.push(...pair(raw, output))
      result.tensors++
    }
  }
  graph.node = nodes
  return result

  function pair(from: string, to: string): NodeProto[] {
    const low = `${from}/as-${format}`
    return [castNode(from, low, onnxType[format]), castNode(low, to, TensorProto_DataType.FLOAT)]
  }
}

/** Tensors that only fixed float32 inputs use. */
function fixedOnly(graph: GraphProto): Set<string> {
  const fixed = new Set<string>()
  const data = new Set<string>(graph.output.map(({ name }) => name))
  eachNode(graph, node => {
    for (const [index, input] of node.input.entries())
      (fixedInputs[node.opType]?.includes(index) ? fixed : data).add(input)
  })
  return new Set([...fixed].filter(name => !data.has(name)))
}

function refuse(model: ModelProto, format: RoundedFormat, file: string): void {
  const graph = model.graph!
  const reduced = new Set<number>([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16])
  let found = graph.initializer.find(tensor => reduced.has(tensor.dataType))?.name
  eachNode(graph, node => {
    if (node.opType === 'Cast' && reduced.has(Number(node.attribute.find(({ name }) => name === 'to')?.i)))
      found ??= node.output[0]
  })
  if (found !== undefined)
    throw new DepthgateError(
      'precision',
      `${file}: is in a reduced precision already (${found}). Start from the FP32 export, or name this file in \`onnx: { ${format}: '…' }\``,
    )
  if (opsetOf(model) < 13 && format === 'bf16')
    throw new DepthgateError(
      'precision',
      `${file}: opset ${opsetOf(model)} has no bfloat16; export with opset 13 or later`,
    )
}
