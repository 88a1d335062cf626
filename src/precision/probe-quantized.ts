import { clone } from '@bufbuild/protobuf'
import { type ModelProto, type NodeProto, NodeProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { freshNames, placedNodes, producersOf, sortedNodes } from '../onnx/graph.ts'
import { opsetOf } from '../onnx/nodes.ts'
import { raiseOpset } from '../onnx/opset.ts'
import { beside } from './beside.ts'
import { hoistConstants } from './constants.ts'
import type { Probe, ProbedNode } from './probe.ts'
import { quantize } from './quantize.ts'
import { planQuantization, type QuantizeChoice } from './quantize-plan.ts'

/**
 * The probe of a quantised network: in FP32, quantised as a whole, and each quantised node alone, its activations from FP32
 * by way of QuantizeLinear and DequantizeLinear.
 * @param read reads the FP32 model anew; both copies are changed
 * @param ranges of every activation that is quantised
 */
export function probeQuantized(
  read: () => ModelProto,
  choice: QuantizeChoice,
  ranges: ReadonlyMap<string, number>,
  file: string,
): Probe {
  const [model, low] = [read(), read()]
  const graph = model.graph!
  const originals = new Map([...placedNodes(graph)].map(placed => [placed.id, placed]))
  const places = new Map([...placedNodes(low.graph!)].map(({ node, id }) => [node, originals.get(id)!]))
  const plan = planQuantization(low, choice, file)
  quantize(low, plan, ranges, file)
  if (opsetOf(low) > opsetOf(model)) raiseOpset(model, opsetOf(low), file)
  hoistConstants(graph, file)
  graph.node = sortedNodes(graph, file)
  const weights = new Set(graph.initializer.map(({ name }) => name))
  graph.input = graph.input.filter(({ name }) => !weights.has(name))
  if (model.irVersion < low.irVersion) model.irVersion = low.irVersion

  const fresh = freshNames(graph)
  // what the quantised network keeps for itself, scales and stored weights, is not to be taken
  for (const { name } of low.graph!.initializer) if (!weights.has(name)) fresh(name)
  const producers = producersOf(low.graph!)
  const singles: NodeProto[] = []
  const known = new Map<string, string>()
  const nodes: ProbedNode[] = []
  for (const node of low.graph!.node) {
    const slots = plan.nodes.get(node)
    if (!slots) continue
    const placed = places.get(node)!
    const single = clone(NodeProtoSchema, node)
    single.name = ''
    for (const { slot, kind } of slots)
      if (kind === 'activation') single.input[slot] = throughScale(node.input[slot]!)
    const full = node.output[0]!
    const local = fresh(`${full}/alone`)
    single.output = [local]
    singles.push(single)
    nodes.push({ placed, tensors: [{ full, emulated: full, local }] })
  }
  beside(model, low.graph!, singles, nodes, fresh)
  return { model, nodes, sums: new Set() }

  /** FP32's tensor quantised and given back, made once: the two nodes of the quantised network over FP32's input. */
  function throughScale(given: string): string {
    let name = known.get(given)
    if (name !== undefined) return name
    const back = producers.get(given)!
    const there = producers.get(back.input[0]!)!
    const [bits, values] = [fresh(`${there.output[0]}/alone`), fresh(`${given}/alone`)]
    name = values
    known.set(given, name)
    const quantizing = clone(NodeProtoSchema, there)
    const giving = clone(NodeProtoSchema, back)
    Object.assign(quantizing, { name: '', output: [bits] })
    Object.assign(giving, { name: '', input: [bits, ...back.input.slice(1)], output: [values] })
    singles.push(quantizing, giving)
    return name
  }
}
