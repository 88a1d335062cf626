import type { NodeProto } from '../onnx/gen/onnx_pb.ts'
import type { PlacedNode } from '../onnx/graph.ts'

/** How a node is called: its name, else the first weight that it reads (exporters name those after modules), else what it writes. */
export function nodeLabel({ node, weights }: PlacedNode): string {
  return node.name || (weights[0] ?? node.output.find(name => name !== '') ?? '')
}

/**
 * The PyTorch module that a node came from, such as `encoder.blocks.0.attention`, where the export kept it: in the node's
 * metadata (torch.export), or in its name `/encoder/blocks.0/attention/MatMul` (TorchScript).
 */
export function moduleOf({ name, metadataProps }: NodeProto): string | undefined {
  const scopes = metadataProps.find(({ key }) => key === 'pkg.torch.onnx.name_scopes')?.value
  // "['', 'encoder', 'encoder.blocks.0', 'mul']": modules from the outside in, then the node itself
  const modules = scopes && [...scopes.matchAll(/'([^']*)'/g)].map(([, scope]) => scope!).slice(0, -1)
  if (modules) return modules.at(-1) || undefined
  const path = /^\/(.+)\/[^/]+$/.exec(name)?.[1]
  // the exporter repeats a module's own name for a list of modules: /blocks/blocks.0
  return path
    ?.split('/')
    .filter((part, index, parts) => !parts[index + 1]?.startsWith(`${part}.`))
    .join('.')
}
