import type { PlanFacts } from '../engines/engine.ts'
import type { Layers } from '../engines/tensorrt/layers.ts'

/** The TensorRT plan that a case ran on. What the plan or the driver does not tell is left out. */
export interface PlanRecord extends Partial<Omit<Layers, 'layers'>> {
  layers: number
  /** Of the plan's file. */
  bytes?: number
  buildSeconds?: number
  /** Built for this run, and not found in the cache. */
  fresh: boolean
  /** Scratch memory of one inference. */
  activationBytes: number
  /** What the GPU lost when it was loaded: weights, and what an inference needs. */
  deviceBytes?: number
}

/** The facts of a plan as a record holds them: without its path, which is another on every machine. */
export function planRecord({
  plan,
  deviceBytes,
}: {
  plan?: PlanFacts
  deviceBytes?: number
}): PlanRecord | undefined {
  if (!plan) return undefined
  const { bytes, buildSeconds, inspection, layers, fresh, activationBytes } = plan
  return {
    ...inspection,
    ...{ layers, fresh, activationBytes },
    ...(bytes !== undefined && { bytes }),
    ...(buildSeconds !== undefined && { buildSeconds }),
    ...(deviceBytes !== undefined && { deviceBytes }),
  }
}
