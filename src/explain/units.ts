import type { Rest } from '../gate/recipe.ts'
import type { GraphProto, NodeProto } from '../onnx/gen/onnx_pb.ts'
import { type PlacedNode, producersOf } from '../onnx/graph.ts'
import { exact, products } from '../precision/operators.ts'
import { moduleOf, nodeLabel } from './label.ts'

/** Nodes whose precision is chosen together: one that rounds, and those behind it that only move or pick what it wrote. */
export interface Unit {
  /** The first of them. */
  head: PlacedNode
  nodes: readonly PlacedNode[]
  label: string
  module?: string
  operator: string
  /** Whether it sums products, in FP16 or in FP32. */
  sums: boolean
  /** Of one that is quantised: what it is of where it is not. */
  quantized?: { rest: Rest }
}

/** A unit as it is told. */
export interface ToldUnit {
  /** Places of its nodes. */
  nodes: string[]
  label: string
  module?: string
  operator: string
}

/** @param nodes of the unit, those that are meant */
export function toldUnit({ label, module, operator }: Unit, nodes: readonly PlacedNode[]): ToldUnit {
  return { nodes: nodes.map(({ id }) => id), label, ...(module !== undefined && { module }), operator }
}

/** The level between the format and FP32, where a unit has one. */
export function between({ sums, quantized }: Unit): 'sum' | 'rest' | undefined {
  if (sums) return 'sum'
  return quantized && quantized.rest !== 'fp32' ? 'rest' : undefined
}

/**
 * Groups the nodes that a format reduces into units, in the order of the network. A node that only moves values costs
 * nothing by itself, but kept in FP32 alone it would lie between two roundings. Pure.
 * @param reduced nodes that the format reduces, each after those that it reads
 */
export function unitsOf(
  graph: GraphProto,
  reduced: readonly PlacedNode[],
  sumsLow: (node: NodeProto) => boolean = () => false,
): Unit[] {
  const producers = producersOf(graph)
  const keys = new Map<NodeProto, NodeProto | string>()
  const groups = new Map<NodeProto | string, PlacedNode[]>()
  for (const placed of reduced) {
    const { node } = placed
    const key = exact.has(node.opType) ? sourceOf(node) : node
    keys.set(node, key)
    const group = groups.get(key)
    if (group) group.push(placed)
    else groups.set(key, [placed])
  }
  return [...groups.values()].map(nodes => {
    const [head] = nodes as [PlacedNode, ...PlacedNode[]]
    const { node } = head
    const module = moduleOf(node)
    return {
      head,
      nodes,
      label: nodeLabel(head),
      ...(module !== undefined && { module }),
      operator: node.opType,
      sums: products.has(node.opType) && sumsLow(node),
    }
  })

  /** What a mover belongs to: the one unit whose values it moves, else the tensor that it reads. */
  function sourceOf(node: NodeProto): NodeProto | string {
    const sources = new Set<NodeProto | string>()
    for (const name of node.input) {
      const producer = producers.get(name)
      const key = producer && keys.get(producer)
      if (key !== undefined) sources.add(key)
    }
    const [source = node.input[0]!] = sources
    return sources.size > 1 ? node : source
  }
}
