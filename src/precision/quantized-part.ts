import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { capturedBy, producersOf } from '../onnx/graph.ts'
import { bodiesOf } from '../onnx/nodes.ts'
import { products, quantising } from './operators.ts'

/**
 * The part of a quantised graph that is FP32 whatever the rest is: QuantizeLinear and DequantizeLinear, the nodes that read
 * quantised tensors, and what stands between those alone, such as an activation between two convolutions. Its values come
 * from FP32 and go there, so Casts would only cost it, and keep an engine from fusing it. Where a product that is not
 * quantised is in between, all of that is of the rest, and so is what an input or output of the graph touches. Pure.
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

  // all that float tensors join to the rest, but for what is quantised
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
