import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { capturedBy } from '../onnx/graph.ts'
import { fixedInputs, fixedOutputs } from './operators.ts'
import type { NodeFate } from './plan.ts'

/** Which float32 tensors are read as what, and which are written in the format. */
export interface Demand {
  /** Read in the format. */
  reduced: ReadonlySet<string>
  /** Read as float32: by FP32 nodes, bodies and outputs of the graph. */
  full: ReadonlySet<string>
  /** Read as float32, but with the value that the format holds: by products that are summed in FP32. */
  widened: ReadonlySet<string>
  /** Written in the format. */
  written: ReadonlySet<string>
}

/** Collects what every node reads and writes. Pure. */
export function demandOf(
  graph: GraphProto,
  fates: readonly NodeFate[],
  isFloat: (name: string) => boolean,
  isWidened: (node: NodeProto) => boolean,
  opset: number,
): Demand {
  const demand = {
    reduced: new Set<string>(),
    full: new Set(graph.output.map(({ name }) => name)),
    widened: new Set<string>(),
    written: new Set<string>(),
  }
  for (const [index, node] of graph.node.entries()) {
    for (const name of capturedBy(node)) demand.full.add(name)
    const reduced = fates[index]!.type === 'reduced'
    const fixed = fixedInputs(node.opType, opset)
    for (const [slot, name] of node.input.entries()) {
      if (name === '') continue
      if (!reduced || fixed.includes(slot)) demand.full.add(name)
      else if (isFloat(name)) demand[isWidened(node) ? 'widened' : 'reduced'].add(name)
    }
    if (!reduced) continue
    for (const [slot, name] of node.output.entries())
      if (name !== '' && !fixedOutputs(node.opType).includes(slot) && isFloat(name)) demand.written.add(name)
  }
  return demand
}
