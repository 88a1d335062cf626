import type { GraphProto, NodeProto } from './gen/onnx_pb.ts'
import { capturedBy, producersOf } from './graph.ts'
import type { Part } from './subgraph.ts'

/** A part of a network that is run at once. Its outputs are those wanted that it computes itself, and what is kept. */
export interface Stretch extends Part {
  /** Tensors that are wanted, each in one stretch; one that an earlier stretch computed is among the inputs. */
  wanted: readonly string[]
  /** Tensors that no later stretch reads. */
  done: readonly string[]
}

/**
 * Cuts a network into stretches to be run one after another, each for some of the tensors that are wanted: it computes
 * what no stretch before it has computed, and hands on what later ones read. So every node runs once, and only what is
 * needed is in memory. What cannot be handed on is computed again where it is read. Pure.
 * @param batches tensors that are wanted together
 * @param canHandOn whether a tensor may be an output of one model and the input of another
 */
export function stretchesOf(
  graph: GraphProto,
  batches: readonly (readonly string[])[],
  canHandOn: (tensor: string) => boolean,
): Stretch[] {
  const producers = producersOf(graph)
  const reads = new Map<NodeProto, string[]>()
  const weights = new Set(graph.initializer.map(({ name }) => name))
  const there = new Set(graph.input.map(({ name }) => name).filter(name => !weights.has(name)))
  const stretches = batches.map(wanted => {
    const nodes = new Set<NodeProto>()
    const inputs = new Set<string>()
    const waiting = [...wanted]
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      const producer = producers.get(name)
      if (there.has(name)) inputs.add(name)
      else if (producer && !nodes.has(producer)) {
        nodes.add(producer)
        waiting.push(...readsOf(producer))
      }
    }
    const written: string[] = []
    for (const { output } of nodes) {
      const names = output.filter(name => name !== '')
      written.push(...names)
      // all or none: a part that reads one of a node's results cannot write another
      if (names.every(canHandOn)) for (const name of names) there.add(name)
    }
    return { nodes, inputs: [...inputs], written, wanted }
  })

  const last = new Map<string, number>()
  for (const [index, { inputs, written }] of stretches.entries())
    for (const name of [...written, ...inputs]) last.set(name, index)
  const ends = stretches.map((): string[] => [])
  for (const [name, index] of last) ends[index]!.push(name)
  return stretches.map(({ nodes, inputs, written, wanted }, index) => {
    const given = new Set(inputs)
    const kept = written.filter(name => there.has(name) && last.get(name)! > index)
    const outputs = new Set([...wanted.filter(name => !given.has(name)), ...kept])
    return { nodes, inputs, outputs: [...outputs], wanted, done: ends[index]! }
  })

  function readsOf(node: NodeProto): string[] {
    let names = reads.get(node)
    if (!names) {
      names = [...node.input, ...capturedBy(node)].filter(name => name !== '')
      reads.set(node, names)
    }
    return names
  }
}
