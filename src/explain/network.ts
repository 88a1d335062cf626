import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { capturedBy, placedNodes, sortedNodes } from '../onnx/graph.ts'
import { moduleOf, nodeLabel } from './label.ts'

/** A node as it is drawn. */
export interface NetworkNode {
  /** Its place in the model, such as `12`. */
  id: string
  label: string
  /** The PyTorch module that it came from, where the export kept it. */
  module?: string
  operator: string
  /** Places of the nodes whose results it reads; those that are not drawn are left out. */
  reads: string[]
}

/** Operators that tell of a tensor's shape only: what follows from it is no value of the network. */
const shapes = new Set(['Shape', 'Size'])

/**
 * The nodes between a network's inputs and its outputs, each after those that it reads, and what reads what. Constants, and
 * what is computed from shapes or weights alone, are left out, but for nodes that are `wanted`. A node with a body counts as
 * one.
 * @param file how errors call the model
 */
export function networkOf(graph: GraphProto, wanted: ReadonlySet<string>, file: string): NetworkNode[] {
  const order = new Map(sortedNodes(graph, file).map((node, index) => [node, index]))
  const placed = [...placedNodes(graph)]
    .filter(({ node }) => order.has(node))
    .sort((a, b) => order.get(a.node)! - order.get(b.node)!)
  const reads = new Map<NodeProto, string[]>(
    placed.map(({ node }) => [node, [...node.input, ...capturedBy(node)].filter(name => name !== '')]),
  )
  const weights = new Set(graph.initializer.map(({ name }) => name))
  const values = new Set(graph.input.map(({ name }) => name).filter(name => !weights.has(name)))
  const writers = new Map<string, string>()
  const drawn: NetworkNode[] = []
  for (const at of placed) {
    const { node, id } = at
    const inputs = reads.get(node)!
    const carries = inputs.some(name => values.has(name)) && !shapes.has(node.opType)
    if (!carries && !wanted.has(id)) continue
    for (const name of node.output)
      if (name !== '') {
        values.add(name)
        writers.set(name, id)
      }
    const module = moduleOf(node)
    drawn.push({
      id,
      label: nodeLabel(at),
      ...(module !== undefined && { module }),
      operator: node.opType,
      reads: [...new Set(inputs.flatMap(name => writers.get(name) ?? []))],
    })
  }
  return drawn
}
