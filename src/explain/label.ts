import type { PlacedNode } from '../onnx/graph.ts'

/** How a node is called: its name, else the first weight that it reads (exporters name those after modules), else what it writes. */
export function nodeLabel({ node, weights }: PlacedNode): string {
  return node.name || (weights[0] ?? node.output.find(name => name !== '') ?? '')
}
