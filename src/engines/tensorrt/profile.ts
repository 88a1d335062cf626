import { type InspectedLayer, inspectedLayers } from './layers.ts'

/** How a plan is profiled: inferences before those that count, and those. */
export interface ProfileRequest {
  warmup: number
  runs: number
}

/** One layer of a plan, and what it takes. */
export interface ProfiledLayer extends InspectedLayer {
  /** Median over the runs; layers of one name together. */
  milliseconds: number
}

/** The layers of a plan, in the order in which they run. */
export interface LayerTimes {
  layers: ProfiledLayer[]
  /** Median of the sum of all layers of an inference. */
  milliseconds: number
  runs: number
}

/** What the worker read off. */
export interface RawProfile {
  layers: { name: string; milliseconds: number }[]
  total: number
  runs: number
}

/** Puts what was timed together with what the inspector tells. Layers that only one of the two knows stay, with what is known. */
export function layerTimes({ layers, total, runs }: RawProfile, inspection: unknown): LayerTimes {
  const known = new Map(inspectedLayers(inspection).map(layer => [layer.name, layer]))
  return {
    layers: layers.map(({ name, milliseconds }) => ({
      ...(known.get(name) ?? inspectedLayers({ Layers: [name] })[0]!),
      milliseconds,
    })),
    milliseconds: total,
    runs,
  }
}
