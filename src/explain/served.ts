import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { placedNodes, producersOf, usersOf } from '../onnx/graph.ts'
import type { Served } from './layer-map.ts'

/**
 * By each name that TensorRT may call a node of a variant by, and by each tensor, the places of the nodes of the FP32 network
 * whose work it is: a node's own where it has their name; of a Cast that the conversion added, that of the node whose result it brings into
 * another type; of Q/DQ, those that read what was quantised. Pure.
 */
export function servedPlaces(full: GraphProto, variant: GraphProto): Served {
  const byName = new Map<string, string[]>()
  const places = new Map<NodeProto, string>()
  for (const { node, id } of placedNodes(full)) {
    places.set(node, id)
    if (node.name !== '') byName.set(node.name, [...(byName.get(node.name) ?? []), id])
  }
  const written = producersOf(full)
  const users = usersOf(variant)
  const found = new Map<string, string[]>()
  const tensors = new Map<string, string[]>()
  for (const [index, node] of variant.node.entries()) {
    const served = servedBy(node)
    for (const alias of aliases(node, index)) if (!found.has(alias)) found.set(alias, served)
    for (const name of node.output) tensors.set(name, served)
  }
  // what stands in bodies keeps its name
  for (const [name, ids] of byName) if (!found.has(name)) found.set(name, ids)
  return { nodes: found, tensors }

  function servedBy(node: NodeProto): string[] {
    const own = node.name === '' ? undefined : byName.get(node.name)
    if (own) return own
    const writer = quantises(node) ? undefined : original(node.output[0] ?? '')
    if (writer) return [places.get(writer)!]
    const readers = node.output.flatMap(name => users.get(name) ?? [])
    return [...new Set(readers.flatMap(({ node: reader }) => servedBy(reader)))]
  }

  /** The node that writes a tensor in FP32. The conversion calls its values `tensor/fp16`, `tensor/fp16/sum` and the like. */
  function original(tensor: string): NodeProto | undefined {
    for (let name = tensor; ; ) {
      const node = written.get(name)
      if (node) return node
      const shorter = name.replace(/\.\d+$|\/[^/]*$/, '')
      if (shorter === name) return undefined
      name = shorter
    }
  }
}

/** A node without a name is called by TensorRT's parser after what it writes, or after its operator and place. */
function aliases({ name, output, opType }: NodeProto, index: number): string[] {
  return name !== '' ? [name] : [`node_of_${output[0]}`, `${opType}_${index}`]
}

function quantises({ opType }: NodeProto): boolean {
  return opType === 'QuantizeLinear' || opType === 'DequantizeLinear'
}
