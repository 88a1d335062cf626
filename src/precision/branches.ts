import type { NodeProto } from '../onnx/gen/onnx_pb.ts'
import { capturedBy } from '../onnx/graph.ts'

type Names = (node: NodeProto) => Iterable<string>
const reads: Names = node => [...node.input, ...capturedBy(node)].filter(name => name !== '')
const writes: Names = node => node.output.filter(name => name !== '')

/** Of some nodes those that no other of them comes before. @param sorted the graph's nodes, each after what it reads */
export function firstOf(sorted: readonly NodeProto[], among: ReadonlySet<NodeProto>): Set<NodeProto> {
  return outermost(sorted, among, reads, writes)
}

/** Of some nodes those that no other of them comes behind. @param sorted the graph's nodes, each after what it reads */
export function lastOf(sorted: readonly NodeProto[], among: ReadonlySet<NodeProto>): Set<NodeProto> {
  return outermost([...sorted].reverse(), among, writes, reads)
}

function outermost(
  nodes: readonly NodeProto[],
  among: ReadonlySet<NodeProto>,
  from: Names,
  to: Names,
): Set<NodeProto> {
  const beyond = new Set<string>()
  const found = new Set<NodeProto>()
  for (const node of nodes) {
    const reached = [...from(node)].some(name => beyond.has(name))
    if (among.has(node) && !reached) found.add(node)
    if (among.has(node) || reached) for (const name of to(node)) beyond.add(name)
  }
  return found
}

/**
 * Which input of an Add is a residual branch: one that the Add reads directly and the other is computed from.
 * `undefined` where neither is.
 */
export function residualSlot(add: NodeProto, producers: ReadonlyMap<string, NodeProto>): 0 | 1 | undefined {
  const [left = '', right = ''] = add.input
  if (left === right) return undefined
  if (computedFrom(right, left, producers)) return 0
  return computedFrom(left, right, producers) ? 1 : undefined
}

function computedFrom(tensor: string, source: string, producers: ReadonlyMap<string, NodeProto>): boolean {
  const seen = new Set<string>([tensor])
  for (const name of seen) {
    const producer = producers.get(name)
    if (!producer) continue
    for (const before of reads(producer)) {
      if (before === source) return true
      seen.add(before)
    }
  }
  return false
}
