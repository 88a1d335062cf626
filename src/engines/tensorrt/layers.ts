/** What a plan is made of, as TensorRT's inspector tells it. */
export interface Layers {
  layers: number
  /** Layers that do the work of several nodes of the ONNX. */
  fused: number
  /** The largest of those: how many nodes each does the work of. */
  largest: { layer: string; nodes: number }[]
  /** Layers by kind. */
  types: Record<string, number>
  /** Outputs of layers by format and type, such as `Row major linear FP32`. */
  formats: Record<string, number>
}

interface Told {
  Name?: string
  LayerType?: string
  Metadata?: string
  Inputs?: Port[]
  Outputs?: Port[]
}

interface Port {
  Name?: string
  'Format/Datatype'?: string
  Format?: string
  Datatype?: string
}

/** One layer of a plan. */
export interface InspectedLayer {
  name: string
  /** Empty of a plan built without detailed profiling. */
  type: string
  /** Names of the nodes of the ONNX that it does the work of. */
  nodes: string[]
  /** Tensors that it writes, and those that it reads: what tells of copies and of Casts, which name no node. */
  writes: string[]
  reads: string[]
}

/** Sums up the inspector's JSON. A plan built without detailed profiling names its layers and no more. */
export function summarise(inspection: unknown): Layers {
  const layers = toldLayers(inspection)
  const nodes = layers.map(layer => ({ layer: layer.Name ?? '', nodes: namedNodes(layer).length }))
  const fused = nodes.filter(layer => layer.nodes > 1)
  return {
    layers: layers.length,
    fused: fused.length,
    largest: fused.sort((a, b) => b.nodes - a.nodes).slice(0, 5),
    types: count(layers.flatMap(({ LayerType }) => LayerType ?? [])),
    formats: count(
      layers.flatMap(({ Outputs = [] }) =>
        Outputs.flatMap(output => output['Format/Datatype'] ?? output.Format ?? []),
      ),
    ),
  }
}

/** Every layer that the inspector's JSON tells of, in its order. */
export function inspectedLayers(inspection: unknown): InspectedLayer[] {
  return toldLayers(inspection).map(layer => ({
    name: layer.Name ?? '',
    type: layer.LayerType ?? '',
    nodes: namedNodes(layer),
    writes: namesOf(layer.Outputs),
    reads: namesOf(layer.Inputs),
  }))
}

function namesOf(ports: readonly Port[] = []): string[] {
  return ports.flatMap(({ Name }) => Name ?? [])
}

function toldLayers(inspection: unknown): Told[] {
  return ((inspection as { Layers?: unknown[] }).Layers ?? []).map(layer =>
    typeof layer === 'string' ? { Name: layer } : (layer as Told),
  )
}

/** Nodes of the ONNX that a layer does the work of: its metadata names them, else its name joins theirs. */
function namedNodes({ Metadata = '', Name = '' }: Told): string[] {
  // "[ONNX Layer: /a]" one behind another, with a separator between; a name may hold brackets itself
  const [, ...parts] = Metadata.split('[ONNX Layer: ')
  const named = parts.map(part => part.slice(0, part.lastIndexOf(']')))
  return named.length > 0 ? [...new Set(named)] : Name.split(' + ')
}

function count(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}
