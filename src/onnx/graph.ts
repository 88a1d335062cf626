import { DepthgateError } from '../base/errors.ts'
import type { GraphProto, NodeProto } from './gen/onnx_pb.ts'
import { bodiesOf } from './nodes.ts'

/** A node with its place: `3`, or `3/then_branch/0` inside a body. Names may be empty or given twice, places never are. */
export interface PlacedNode {
  node: NodeProto
  id: string
  /** The weights that it reads; PyTorch's exporters name them after modules. */
  weights: readonly string[]
}

/** Every node of a graph and of the bodies inside it, with its place. */
export function* placedNodes(graph: GraphProto, within = ''): Generator<PlacedNode> {
  const weights = new Set(graph.initializer.map(({ name }) => name))
  for (const [index, node] of graph.node.entries()) {
    const id = `${within}${index}`
    yield { node, id, weights: node.input.filter(name => weights.has(name)) }
    for (const { name, g, graphs } of node.attribute) {
      if (g) yield* placedNodes(g, `${id}/${name}/`)
      for (const [part, body] of graphs.entries()) yield* placedNodes(body, `${id}/${name}.${part}/`)
    }
  }
}

/** One input of one node that reads a tensor. */
export interface Use {
  node: NodeProto
  index: number
}

/** Who reads each tensor in this graph itself; what bodies capture is told by `capturedBy`. */
export function usersOf(graph: GraphProto): Map<string, Use[]> {
  const users = new Map<string, Use[]>()
  for (const node of graph.node)
    for (const [index, input] of node.input.entries()) {
      if (input === '') continue
      const uses = users.get(input)
      if (uses) uses.push({ node, index })
      else users.set(input, [{ node, index }])
    }
  return users
}

/** Which node writes each tensor of this graph. */
export function producersOf(graph: GraphProto): Map<string, NodeProto> {
  const producers = new Map<string, NodeProto>()
  for (const node of graph.node)
    for (const output of node.output) if (output !== '') producers.set(output, node)
  return producers
}

/** The tensors from outside that the bodies of a node read. */
export function capturedBy(node: NodeProto): Set<string> {
  const captured = new Set<string>()
  for (const body of bodiesOf(node)) {
    const own = new Set([
      ...body.input.map(({ name }) => name),
      ...body.initializer.map(({ name }) => name),
      ...body.sparseInitializer.map(({ values }) => values?.name ?? ''),
      ...body.node.flatMap(({ output }) => output),
    ])
    const read = [...body.output.map(({ name }) => name)]
    for (const inner of body.node) read.push(...inner.input, ...capturedBy(inner))
    for (const name of read) if (name !== '' && !own.has(name)) captured.add(name)
  }
  return captured
}

/**
 * The nodes in an order in which every tensor is written before it is read, bodies counted; nodes that may stay where they
 * are do. Throws where there is none: a cycle, or a tensor that is written twice.
 */
export function sortedNodes(graph: GraphProto, file: string): NodeProto[] {
  const { node: nodes } = graph
  const producer = new Map<string, number>()
  for (const [index, { output }] of nodes.entries())
    for (const name of output) {
      if (name === '') continue
      if (producer.has(name))
        throw new DepthgateError(
          'onnx',
          `${file}: the tensor ${JSON.stringify(name)} is written by two nodes. Export the model again`,
        )
      producer.set(name, index)
    }
  const sorted: NodeProto[] = []
  const state = new Uint8Array(nodes.length) // 0 unseen, 1 waiting for what it reads, 2 placed
  for (let root = 0; root < nodes.length; root++) {
    // depth first without recursion: a network may be thousands of nodes deep
    const stack = [root]
    while (stack.length > 0) {
      const index = stack[stack.length - 1]!
      const node = nodes[index]!
      if (state[index] === 0) {
        state[index] = 1
        for (const name of [...node.input, ...capturedBy(node)].reverse()) {
          const before = producer.get(name)
          if (before === undefined || state[before] === 2) continue
          if (state[before] === 1)
            throw new DepthgateError(
              'onnx',
              `${file}: the tensor ${JSON.stringify(name)} depends on itself. Export the model again`,
            )
          stack.push(before)
        }
      } else {
        stack.pop()
        if (state[index] === 1) sorted.push(node)
        state[index] = 2
      }
    }
  }
  return sorted
}

/** Every name of a tensor in a graph and in the bodies inside it. */
export function tensorNames(graph: GraphProto): Set<string> {
  const names = new Set([...graph.input, ...graph.output, ...graph.initializer].map(({ name }) => name))
  for (const { node } of placedNodes(graph)) {
    for (const name of [...node.input, ...node.output]) names.add(name)
    for (const body of bodiesOf(node))
      for (const { name } of [...body.input, ...body.output, ...body.initializer]) names.add(name)
  }
  return names
}

/** Makes names that no tensor of the graph or of its bodies has. */
export function freshNames(graph: GraphProto): (wanted: string) => string {
  const taken = tensorNames(graph)
  return wanted => {
    let name = wanted
    for (let count = 2; taken.has(name); count++) name = `${wanted}.${count}`
    taken.add(name)
    return name
  }
}
