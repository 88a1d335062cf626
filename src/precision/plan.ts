import { type GraphProto, type NodeProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { capturedBy } from '../onnx/graph.ts'
import { bodiesOf, isStandard } from '../onnx/nodes.ts'
import type { TypeTable } from '../onnx/types.ts'
import { constantsOf } from './constants.ts'
import { allowedSince, quantising, sources } from './operators.ts'
import type { RoundedFormat } from './round.ts'

/** What becomes of a node: it computes in the reduced format, or stays as it is for a reason; most have no floats. */
export type NodeFate =
  | { type: 'reduced' }
  /** `inside`: nodes in its bodies that would be reduced elsewhere. */
  | { type: 'kept'; reason: string; inside?: readonly NodeProto[] }
  /** Neither reads nor writes float32. */
  | { type: 'untouched' }
  /** What one of its tensors is cannot be told. */
  | { type: 'unknown'; tensor: string }

/** Why what is computed from sizes alone stays as it is. */
export const fromSizes = 'it computes sizes, not data'

export interface PlanRequest {
  /** The main graph's nodes, each after those that it reads from. */
  nodes: readonly NodeProto[]
  types: TypeTable
  format: RoundedFormat
  /** What the operators may be; Infinity where they stay FP32 kernels and only values are rounded. */
  opset: number
  /** Tensors that do not change from run to run. */
  constants: ReadonlySet<string>
  /** The user's choice of nodes that stay FP32. */
  keep: (node: NodeProto) => boolean
  /** Nodes that stay FP32 because they are quantised, or stand between what is. */
  quantized: ReadonlySet<NodeProto>
}

/**
 * Decides for every node of the main graph whether it computes in the reduced format. Pure. Bodies of If, Loop and Scan
 * stay FP32 as a whole, so that what they carry from turn to turn has one type.
 * @param sizes tensors from outside that are computed from sizes only
 */
export function planNodes(request: PlanRequest, sizes: Iterable<string> = []): NodeFate[] {
  const shapes = new Set(sizes)
  return request.nodes.map(node => {
    // computed from sizes only: in a reduced format 2049 would be 2048, and a map one pixel smaller
    const fromShapes =
      node.opType === 'Shape' ||
      node.opType === 'Size' ||
      (node.input.some(name => shapes.has(name)) &&
        node.input.every(name => name === '' || shapes.has(name) || request.constants.has(name)) &&
        capturedBy(node).size === 0)
    if (fromShapes) for (const name of node.output) shapes.add(name)
    const bodies = bodiesOf(node)
    if (bodies.length === 0) return fateOf(node, fromShapes, request)
    const inside = bodies.flatMap(body => reducedIn(body, request, shapes))
    return { type: 'kept', reason: 'control flow stays FP32 as a whole', inside }
  })
}

/** The nodes of a body, and of those within, that would be reduced elsewhere. A constant there would be a weight. */
function reducedIn(body: GraphProto, request: PlanRequest, shapes: ReadonlySet<string>): NodeProto[] {
  const types = request.types.bodies.get(body)!
  const constants = new Set([...request.constants, ...constantsOf(body)])
  const fates = planNodes({ ...request, nodes: body.node, types, constants }, shapes)
  return body.node.flatMap((node, index) => {
    const fate = fates[index]!
    if (fate.type === 'kept') return fate.inside ?? []
    return fate.type === 'reduced' && node.opType !== 'Constant' ? [node] : []
  })
}

function fateOf(
  node: NodeProto,
  fromShapes: boolean,
  { types, format, opset, keep, quantized }: PlanRequest,
): NodeFate {
  const names = [...node.input, ...node.output].filter(name => name !== '')
  const isFloat = (name: string) => types.typeOf(name) === TensorProto_DataType.FLOAT
  const kept = (reason: string): NodeFate => ({ type: 'kept', reason })
  if (!isStandard(node.domain)) return kept(`an operator of ${node.domain} takes what it was exported with`)
  if (keep(node) || quantized.has(node))
    return names.some(isFloat) ? kept(keep(node) ? 'asked for' : 'quantised') : { type: 'untouched' }
  const unknown = names.find(name => types.typeOf(name) === undefined)
  if (unknown !== undefined) return { type: 'unknown', tensor: unknown }
  if (!names.some(isFloat)) return { type: 'untouched' }
  if (names.some(name => types.typeOf(name) === 'not a tensor'))
    return kept('it handles sequences or optionals')
  if (quantising.has(node.opType)) return kept('it quantises')
  if (fromShapes) return kept(fromSizes)
  if (sources.has(node.opType)) return kept('its result is reduced where it is used')
  const since = allowedSince(format, node.opType)
  if (since === Number.POSITIVE_INFINITY) return kept(`ONNX has no ${node.opType} in ${format}`)
  if (since > opset) return kept(`${node.opType} takes ${format} from opset ${since} on`)
  return { type: 'reduced' }
}
