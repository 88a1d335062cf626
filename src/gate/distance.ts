import { packed } from '../depth/depth-map.ts'
import type { Truth } from '../golden/store.ts'
import { fovErrorDeg, measure, type Pair } from '../metrics/index.ts'
import type { Range } from './define-config.ts'

/** Mean relative error of two maps, or degrees between two fields of view; NaN where they cannot be compared. */
export function distance(golden: Truth, actual: Truth | undefined, range: Range | undefined): number {
  if (typeof golden === 'number') return typeof actual === 'number' ? fovErrorDeg(golden, actual) : Number.NaN
  const pair = pairOf(golden, actual, range)
  if (!pair) return Number.NaN
  const { metrics, actualNonFinite } = measure(pair)
  return actualNonFinite > 0 ? Number.NaN : metrics.absRel
}

/** Two maps of one shape; `undefined` for anything else. */
export function pairOf(golden: Truth, actual: Truth | undefined, range: Range | undefined): Pair | undefined {
  if (typeof golden === 'number' || typeof actual !== 'object') return undefined
  const [height = 0, width = 0] = golden.shape
  if (actual.shape.length !== 2 || actual.shape[0] !== height || actual.shape[1] !== width) return undefined
  return { golden: packed(golden), actual: packed(actual), width, height, ...range }
}
