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

interface InspectedLayer {
  Name?: string
  LayerType?: string
  Metadata?: string
  Outputs?: { 'Format/Datatype'?: string; Format?: string; Datatype?: string }[]
}

/** Sums up the inspector's JSON. A plan built without detailed profiling names its layers and no more. */
export function summarise(inspection: unknown): Layers {
  const layers = ((inspection as { Layers?: unknown[] }).Layers ?? []).map(layer =>
    typeof layer === 'string' ? { Name: layer } : (layer as InspectedLayer),
  )
  const nodes = layers.map(layer => ({ layer: layer.Name ?? '', nodes: nodesOf(layer) }))
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

/** Nodes of the ONNX that a layer does the work of: its metadata names them, else its name joins theirs. */
function nodesOf({ Metadata, Name = '' }: InspectedLayer): number {
  const named = new Set(Metadata?.match(/\[ONNX Layer: [^\]]*\]/g) ?? [])
  return named.size > 0 ? named.size : Name.split(' + ').length
}

function count(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}
