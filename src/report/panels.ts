import { type DepthMap, packed } from '../depth/depth-map.ts'
import type { MapVerdict } from '../gate/verdict.ts'

/**
 * (engine − golden) / golden, the largest of each step × step pixels; NaN where the golden has no depth in all of them, or
 * the engine no finite value in one.
 */
export function relativeError(golden: DepthMap, actual: DepthMap, step: number): Float32Array {
  const [height = 0, width = 0] = golden.shape
  const columns = Math.ceil(width / step)
  const errors = new Float32Array(Math.ceil(height / step) * columns).fill(Number.NaN)
  const broken = new Uint8Array(errors.length)
  const [g, a] = [packed(golden), packed(actual)]
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const at = Math.floor(y / step) * columns + Math.floor(x / step)
      if (!(g[i]! > 0 && Number.isFinite(g[i]))) continue
      if (!Number.isFinite(a[i])) broken[at] = 1
      const error = (a[i]! - g[i]!) / g[i]!
      if (!(Math.abs(error) <= Math.abs(errors[at]!))) errors[at] = error
    }
  return errors.map((error, i) => (broken[i] ? Number.NaN : error))
}

/** The relative error that gets the deepest colour: the 99 % quantile, rounded up to 1, 2 or 5 times a power of ten. */
export function errorReach({ metrics }: MapVerdict): number {
  const wanted = Math.min(10, Math.max(1e-7, Number.isFinite(metrics.p99Rel) ? metrics.p99Rel : 1))
  const power = 10 ** Math.floor(Math.log10(wanted))
  return power * (([1, 2, 5, 10] as const).find(step => step * power >= wanted) ?? 10)
}
