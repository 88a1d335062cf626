import { type DepthMap, packed } from '../depth/depth-map.ts'
import type { Range } from '../gate/define-config.ts'

/** Bounds of the bins of relative error: four a decade from 1e-7 to 10. */
export const binBounds: readonly number[] = Array.from({ length: 33 }, (_, i) => 10 ** (-7 + i / 4))

export interface WorstPixel {
  x: number
  y: number
  golden: number
  actual: number
  /** (actual − golden) / golden; NaN where the actual is not finite. */
  relative: number
}

/** How the relative error of two maps is distributed, over the golden pixels that count. */
export interface ErrorFigures {
  /** Golden pixels that are finite, above 0 and in the range. */
  compared: number
  /** Of those, pixels where the actual is not finite; they are in no bin. */
  nonFinite: number
  /** Of those, pixels whose error is below the first bound, most of them 0. */
  below: number
  /** Pixels a bin; the last bin takes what lies beyond it, too. `under`: actual below golden. */
  under: number[]
  over: number[]
  /** The largest errors, at most one a tile, largest first: non-finite ones lead. */
  worst: WorstPixel[]
}

const worstPixels = 8
/** Tiles along the longer side: two worst pixels are never the same spot. */
const tiles = 16

/** Distribution of (actual − golden) / golden. Maps are H×W of one shape; a mask is not known here. */
export function errorFigures(golden: DepthMap, actual: DepthMap, range: Range = {}): ErrorFigures {
  const [height = 0, width = 0] = golden.shape
  const [g, a] = [packed(golden), packed(actual)]
  const { min = 0, max = Number.POSITIVE_INFINITY } = range
  const bins = binBounds.length - 1
  const figures: ErrorFigures = {
    compared: 0,
    nonFinite: 0,
    below: 0,
    under: new Array(bins).fill(0),
    over: new Array(bins).fill(0),
    worst: [],
  }
  const tile = Math.max(1, Math.ceil(Math.max(height, width) / tiles))
  const tilesAcross = Math.ceil(width / tile)
  const largest = new Float64Array(tilesAcross * Math.ceil(height / tile))
  const at = new Int32Array(largest.length).fill(-1)
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const truth = g[i]!
      if (!(truth > 0 && truth >= min && truth <= max && truth < Number.POSITIVE_INFINITY)) continue
      figures.compared++
      const relative = (a[i]! - truth) / truth
      const size = Number.isFinite(a[i]) ? Math.abs(relative) : Number.POSITIVE_INFINITY
      const here = Math.floor(y / tile) * tilesAcross + Math.floor(x / tile)
      if (size > largest[here]!) {
        largest[here] = size
        at[here] = i
      }
      if (size === Number.POSITIVE_INFINITY) figures.nonFinite++
      else if (size < binBounds[0]!) figures.below++
      else (relative < 0 ? figures.under : figures.over)[binOf(size, bins)]!++
    }
  figures.worst = [...at.keys()]
    .filter(here => at[here] !== -1)
    .sort((p, q) => largest[q]! - largest[p]! || p - q)
    .slice(0, worstPixels)
    .map(here => {
      const i = at[here]!
      const relative = Number.isFinite(a[i]) ? (a[i]! - g[i]!) / g[i]! : Number.NaN
      return { x: i % width, y: Math.floor(i / width), golden: g[i]!, actual: a[i]!, relative }
    })
  return figures
}

function binOf(size: number, bins: number): number {
  return Math.min(bins - 1, Math.max(0, Math.floor((Math.log10(size) + 7) * 4)))
}
