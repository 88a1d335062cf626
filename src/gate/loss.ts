import { catalogue } from '../metrics/index.ts'
import type { LimitName } from './tolerance.ts'

/** How far a value is from perfect, from 0 up, whatever the metric. */
export function lossOf(name: LimitName, value: number): number {
  const { better } = catalogue[name]
  return better === 'lower' ? value : better === 'higher' ? 1 - value : Math.abs(value - 1)
}

/** The loss that a limit allows. */
export function allowedLoss(name: LimitName, limit: number): number {
  return catalogue[name].better === 'higher' ? 1 - limit : limit
}

/** How far a loss may move before it counts. The larger of the two holds. */
export interface Margin {
  /** Share of the loss before. */
  relative: number
  /** Share of the metric's limit: differences this small are noise, however small the loss before is. */
  ofLimit: number
}

/**
 * What reruns need, with room: `depthgate tolerance suggest` measures them. ONNX Runtime's CPU provider repeats itself to
 * the bit; TensorRT picks other kernels at each build.
 */
export const defaultMargin: Margin = { relative: 0.05, ofLimit: 0.01 }

/** How far a metric's loss may rise or fall from `before`, under a limit, before it counts. */
export function marginAt(name: LimitName, before: number, limit: number, margin: Margin): number {
  return Math.max(margin.relative * lossOf(name, before), margin.ofLimit * allowedLoss(name, limit))
}
