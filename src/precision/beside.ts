import type { GraphProto, ModelProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { bodiesOf } from '../onnx/nodes.ts'
import type { Probe } from './probe.ts'

/**
 * Puts a second network and single nodes beside a first one, over the same inputs and weights. What the second writes gets
 * names of its own, also where probed tensors and single nodes name it.
 */
export function beside(
  model: ModelProto,
  second: GraphProto,
  singles: readonly NodeProto[],
  nodes: Probe['nodes'],
  fresh: (name: string) => string,
): void {
  const graph = model.graph!
  const known = new Set(graph.initializer.map(({ name }) => name))
  graph.initializer.push(...second.initializer.filter(({ name }) => !known.has(name)))
  const names = renamed(second, fresh)
  const own = new Set([...graph.input.map(({ name }) => name), ...graph.node.flatMap(({ output }) => output)])
  for (const single of singles)
    single.input = single.input.map(name => (own.has(name) ? name : (names.get(name) ?? name)))
  graph.node = [...graph.node, ...second.node, ...singles]
  graph.valueInfo = []
  for (const { tensors } of nodes)
    for (const tensor of tensors) tensor.emulated = names.get(tensor.emulated) ?? tensor.emulated
}

/** Gives everything that nodes of a graph write another name, there and where it is read, bodies included. */
function renamed(graph: GraphProto, fresh: (name: string) => string): Map<string, string> {
  const names = new Map<string, string>()
  for (const { output } of graph.node)
    for (const name of output) if (name !== '') names.set(name, fresh(`${name}/emulated`))
  const now = (name: string) => names.get(name) ?? name
  const inBody = (body: GraphProto): void => {
    // a body's own names are none of the graph's: ONNX asks for names that differ between the two
    for (const node of body.node) {
      node.input = node.input.map(now)
      bodiesOf(node).forEach(inBody)
    }
    for (const output of body.output) output.name = now(output.name)
  }
  for (const node of graph.node) {
    node.name = ''
    node.input = node.input.map(now)
    node.output = node.output.map(now)
    bodiesOf(node).forEach(inBody)
  }
  return names
}
