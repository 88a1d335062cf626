import { type NodeProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { capturedBy, type PlacedNode } from '../onnx/graph.ts'
import { bodiesOf, isStandard } from '../onnx/nodes.ts'
import type { TypeTable } from '../onnx/types.ts'
import { allowedSince, quantising, sources } from './operators.ts'
import type { RoundedFormat } from './round.ts'

/** What becomes of a node: it computes in the reduced format, or stays as it is for a reason; most have no floats. */
export type NodeFate =
  | { type: 'reduced' }
  | { type: 'kept'; reason: string }
  /** Neither reads nor writes float32. */
  | { type: 'untouched' }
  /** What one of its tensors is cannot be told. */
  | { type: 'unknown'; tensor: string }

export interface PlanRequest {
  /** The main graph's nodes, each after those that it reads from. */
  nodes: readonly PlacedNode[]
  types: TypeTable
  format: RoundedFormat
  /** What the operators may be; Infinity where they stay FP32 kernels and only values are rounded. */
  opset: number
  /** Tensors that do not change from run to run. */
  constants: ReadonlySet<string>
  /** The user's choice of nodes that stay FP32. */
  keep: (placed: PlacedNode) => boolean
  /** Nodes that stay FP32 because they are quantised, or stand between what is. */
  quantized: ReadonlySet<NodeProto>
}

/**
 * Decides for every node of the main graph whether it computes in the reduced format. Pure. Bodies of If, Loop and Scan
 * stay FP32 as a whole, so that what they carry from turn to turn has one type.
 */
export function planNodes(request: PlanRequest): NodeFate[] {
  const shapes = new Set<string>()
  return request.nodes.map(placed => {
    const { node } = placed
    // computed from sizes only: in a reduced format 2049 would be 2048, and a map one pixel smaller
    const fromShapes =
      node.opType === 'Shape' ||
      node.opType === 'Size' ||
      (node.input.some(name => shapes.has(name)) &&
        node.input.every(name => name === '' || shapes.has(name) || request.constants.has(name)) &&
        capturedBy(node).size === 0)
    if (fromShapes) for (const name of node.output) shapes.add(name)
    return fateOf(placed, fromShapes, request)
  })
}

function fateOf(
  placed: PlacedNode,
  fromShapes: boolean,
  { types, format, opset, keep, quantized }: PlanRequest,
): NodeFate {
  const { node } = placed
  const names = [...node.input, ...node.output].filter(name => name !== '')
  const isFloat = (name: string) => types.typeOf(name) === TensorProto_DataType.FLOAT
  const kept = (reason: string): NodeFate => ({ type: 'kept', reason })
  if (bodiesOf(node).length > 0) return kept('control flow stays FP32 as a whole')
  if (!isStandard(node.domain)) return kept(`an operator of ${node.domain} takes what it was exported with`)
  if (keep(placed) || quantized.has(node))
    return names.some(isFloat) ? kept(keep(placed) ? 'asked for' : 'quantised') : { type: 'untouched' }
  const unknown = names.find(name => types.typeOf(name) === undefined)
  if (unknown !== undefined) return { type: 'unknown', tensor: unknown }
  if (!names.some(isFloat)) return { type: 'untouched' }
  if (names.some(name => types.typeOf(name) === 'not a tensor'))
    return kept('it handles sequences or optionals')
  if (quantising.has(node.opType)) return kept('it quantises')
  if (fromShapes) return kept('it computes sizes, not data')
  if (sources.has(node.opType)) return kept('its result is reduced where it is used')
  const since = allowedSince(format, node.opType)
  if (since === Number.POSITIVE_INFINITY) return kept(`ONNX has no ${node.opType} in ${format}`)
  if (since > opset) return kept(`${node.opType} takes ${format} from opset ${since} on`)
  return { type: 'reduced' }
}
