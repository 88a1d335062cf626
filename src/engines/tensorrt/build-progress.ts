import { EventEmitter } from 'node:events'

/** Where a build stands. It takes minutes, and a person waits for it. */
export interface BuildProgress {
  onnx: string
  precision: string
  /** `waiting`: another process builds the same plan. */
  state: 'waiting' | 'building' | 'built' | 'failed'
  /** TensorRT's name of what it is at, or whom it waits for. */
  phase: string
  /** Share of the phase that is done, 0 to 1; NaN where it is not known. */
  done: number
  seconds: number
}

/**
 * Emits `progress` while plans are built; `starting`, true when Python begins to load TensorRT and false when that is over.
 * Whoever has a terminal shows it.
 */
export const builds = new EventEmitter<{ progress: [BuildProgress]; starting: [boolean] }>()
