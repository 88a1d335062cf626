import type { LayerTimes, ProfiledLayer } from '../engines/tensorrt/profile.ts'

/** One layer of a TensorRT plan, and the nodes of the FP32 ONNX that it does the work of. */
export interface PlanLayer {
  /** TensorRT's own name. */
  name: string
  /** TensorRT's kind, such as `CaskConvolution` or `kgen`. */
  type: string
  /** Places of the nodes in the FP32 ONNX; empty where TensorRT names none. */
  nodes: readonly string[]
  /** Median of an inference. */
  milliseconds: number
  /** Of the time of all layers, 0 to 1. */
  share: number
}

/** Nodes of an ONNX and layers of a plan, both ways. */
export interface LayerMap {
  /** Precision that the plan is of. */
  precision: string
  layers: PlanLayer[]
  /** For each place, where in `layers` the layers stand that its node went into; a node that was folded away is missing. */
  layersOf: Readonly<Record<string, readonly number[]>>
  /** All layers of an inference, timed one by one; more than its latency. */
  milliseconds: number
  /** Of that, the time of layers that no node is known for. */
  unmapped: number
}

/** What names of nodes, and of tensors, in a plan stand for: places of nodes of the FP32 network. */
export interface Served {
  nodes: ReadonlyMap<string, readonly string[]>
  tensors: ReadonlyMap<string, readonly string[]>
}

/**
 * Which layers each node went into, and what they take. A layer that names no node, such as a Cast or a copy into another
 * layout, belongs to the node whose tensor it writes, else to those whose tensors it reads. Pure.
 */
export function layerMap(precision: string, { layers, milliseconds }: LayerTimes, served: Served): LayerMap {
  const layersOf: Record<string, number[]> = {}
  let unmapped = 0
  const mapped = layers.map((layer: ProfiledLayer, index) => {
    const { name, type, milliseconds: time } = layer
    const places = placesOf(layer, served)
    for (const place of places) {
      layersOf[place] ??= []
      layersOf[place].push(index)
    }
    if (places.length === 0) unmapped += time
    return {
      name,
      type,
      nodes: places,
      milliseconds: time,
      share: milliseconds > 0 ? time / milliseconds : 0,
    }
  })
  return { precision, layers: mapped, layersOf, milliseconds, unmapped }
}

function placesOf({ nodes, writes, reads }: ProfiledLayer, served: Served): string[] {
  for (const [names, known] of [
    [nodes, served.nodes],
    [writes, served.tensors],
    [reads, served.tensors],
  ] as const) {
    const places = new Set(names.flatMap(name => known.get(name) ?? []))
    if (places.size > 0) return [...places]
  }
  return []
}

/**
 * What each node takes: a layer's time goes to its nodes by weight, in equal parts where none has any. Pure.
 * @param weightOf such as the nominal cost of the node
 * @returns milliseconds by place; a node that is in no layer is missing
 */
export function nodeTimes({ layers }: LayerMap, weightOf: (place: string) => number): Map<string, number> {
  const times = new Map<string, number>()
  for (const { nodes, milliseconds } of layers) {
    const weights = nodes.map(weightOf)
    const sum = weights.reduce((a, b) => a + b, 0)
    for (const [i, place] of nodes.entries()) {
      const part = sum > 0 ? weights[i]! / sum : 1 / nodes.length
      times.set(place, (times.get(place) ?? 0) + milliseconds * part)
    }
  }
  return times
}
