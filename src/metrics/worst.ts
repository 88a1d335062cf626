import type { FloatArray } from '../depth/depth-map.ts'
import type { Pair } from './pair.ts'

/** One pixel and what surrounds it. */
export interface Worst {
  /** Column and row, from 0 at the top left; `index` is y·width + x. */
  x: number
  y: number
  index: number
  golden: number
  actual: number
  /** (actual − golden) / golden: negative where the engine sees it nearer. */
  relative: number
  neighbourhood: Neighbourhood
}

/** Rows of the 3×3 pixels around one, fewer at the border. */
export interface Neighbourhood {
  /** Column and row of its top left pixel. */
  x: number
  y: number
  golden: number[][]
  actual: number[][]
}

/** Describes the pixel at `index`. */
export function describePixel({ golden, actual, width, height }: Pair, index: number): Worst {
  const x = index % width
  const y = (index - x) / width
  const left = Math.max(x - 1, 0)
  const top = Math.max(y - 1, 0)
  const right = Math.min(x + 1, width - 1)
  const bottom = Math.min(y + 1, height - 1)
  const around = (map: FloatArray) =>
    Array.from({ length: bottom - top + 1 }, (_, row) =>
      Array.from(map.subarray((top + row) * width + left, (top + row) * width + right + 1)),
    )
  const g = golden[index]!
  const a = actual[index]!
  return {
    x,
    y,
    index,
    golden: g,
    actual: a,
    relative: (a - g) / g,
    neighbourhood: { x: left, y: top, golden: around(golden), actual: around(actual) },
  }
}
