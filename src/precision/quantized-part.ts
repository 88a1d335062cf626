import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { capturedBy, producersOf } from '../onnx/graph.ts'
import { bodiesOf } from '../onnx/nodes.ts'
import { products, quantising } from './operators.ts'

/**
 * The part of a quantised graph that is FP32 whatever the rest is: QuantizeLinear and DequantizeLinear, the nodes that read
 * quantised tensors, and what stands between those alone, such as an activation between two convolutions. That gets FP32
 * and is read in FP32: Casts around it would be for nothing, and an engine could not fuse it. What float tensors join to a
 * product that is not quantised, to a body, or to a port of the graph is of the rest. Pure.
 * @param quantized the nodes that read quantised tensors
 */
export function quantizedPart(
  graph: GraphProto,
  quantized: { has(node: NodeProto): boolean },
  isFloat: (tensor: string) => boolean,
): Set<NodeProto> {
  const isQuantized = (node: NodeProto) => quantized.has(node) || quantising.has(node.opType)
  const producers = producersOf(graph)
  const readers = new Map<string, NodeProto[]>()
  for (const node of graph.node)
    for (const name of node.input) {
      const known = readers.get(name)
      if (known) known.push(node)
      else readers.set(name, [node])
    }
  const ports = new Set([...graph.input, ...graph.output].map(({ name }) => name))

  // grows by all that its float tensors join, up to what is quantised
  const rest = new Set(
    graph.node.filter(
      node =>
        !isQuantized(node) &&
        (products.has(node.opType) ||
          bodiesOf(node).length > 0 ||
          [...node.input, ...node.output].some(name => ports.has(name))),
    ),
  )
  for (const node of rest) {
    const before = [...node.input, ...capturedBy(node)].filter(isFloat).map(name => producers.get(name))
    const behind = node.output.filter(isFloat).flatMap(name => readers.get(name) ?? [])
    for (const next of [...before, ...behind]) if (next && !isQuantized(next)) rest.add(next)
  }
  return new Set(graph.node.filter(node => !rest.has(node)))
}
