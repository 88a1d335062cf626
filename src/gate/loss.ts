import type { Fingerprint } from '../engines/engine.ts'
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

/** Margins of a config. */
export interface Margins extends Margin {
  /** In the place of `ofLimit` where figures come from an engine that chooses its kernels anew at each build. */
  rebuilt: number
}

/**
 * What reruns need, with room: `depthgate tolerance suggest` measures them. ONNX Runtime's CPU provider repeats itself to
 * the bit. TensorRT times kernels while it builds: a second build of the bundled network on an H200 moved metrics by up to
 * 12.5 % of their limits (docs/baselines.md).
 */
export const defaultMargins: Margins = { relative: 0.05, ofLimit: 0.01, rebuilt: 0.2 }

/** The margin for figures of one origin; a plan that was built elsewhere stays as it is. Pure. */
export function marginFor(
  { relative, ofLimit, rebuilt }: Margins,
  origin: Pick<Fingerprint, 'engine' | 'provider' | 'options'> | undefined,
): Margin {
  const builds =
    origin?.provider === 'tensorrt' || (origin?.engine === 'tensorrt' && !origin.options?.prebuilt)
  return { relative, ofLimit: builds ? Math.max(ofLimit, rebuilt) : ofLimit }
}

/** How far a metric's loss may rise or fall from `before`, under a limit, before it counts. */
export function marginAt(name: LimitName, before: number, limit: number, margin: Margin): number {
  return Math.max(margin.relative * lossOf(name, before), margin.ofLimit * allowedLoss(name, limit))
}
