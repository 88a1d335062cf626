import { type Measurement, measure, type Pair } from '../../../src/metrics/index.ts'

/** One entry of test/reference/metrics.json: how its maps are made, and what numpy says of them. */
export interface ReferenceCase {
  width: number
  height: number
  seed: number
  type?: 'float32' | 'float64'
  blocks?: boolean
  coarse?: boolean
  holes?: boolean
  broken?: boolean
  negative?: boolean
  masked?: boolean
  min?: number
  max?: number
  metrics: Record<string, number | string>
  counts: Record<string, number | string>
}

/** A 32-bit integer for each index, as in test/reference/generate.py. */
export function mix(seed: number, index: number): number {
  let h = (index + Math.imul(seed, 0x9e3779b1)) >>> 0
  for (let round = 0; round < 2; round++) h = Math.imul(h ^ (h >>> 16), 0x45d9f3b) >>> 0
  return (h ^ (h >>> 16)) >>> 0
}

/** The maps of a case, the same to the last bit as those of test/reference/generate.py. */
export function referencePair(of: ReferenceCase): Pair {
  const { width, height, seed } = of
  const Floats = of.type === 'float64' ? Float64Array : Float32Array
  const golden = new Floats(width * height)
  const actual = new Floats(width * height)
  const mask = new Uint8Array(width * height)
  for (let i = 0; i < golden.length; i++) {
    const [x, y] = [i % width, Math.floor(i / width)]
    const first = mix(seed, of.blocks ? (y >> 3) * 64 + (x >> 3) : i)
    const second = mix(seed + 1000, i)
    const third = mix(seed + 2000, i) % 64
    let g = ((first & 0xffff) + 1) / 8192
    let a = g * (1 + (of.coarse ? ((second & 3) - 1) / 16 : ((second & 0xfff) - 2048) / 16384))
    if (of.holes) {
      g = [Number.NaN, 0, -1, Infinity][third] ?? g
      if (third === 1) a = 3
    }
    if (of.broken) a = [Number.NaN, Infinity, -Infinity][third - 8] ?? a
    if (of.negative) {
      a = [-0.5, 0, -0, 1e-3, 100][third - 16] ?? a
      if (third >= 30) a *= -1
    }
    golden[i] = g
    actual[i] = a
    mask[i] = third % 5 === 0 ? 0 : 1
  }
  return {
    golden,
    actual,
    width,
    height,
    ...(of.masked ? { mask } : {}),
    ...(of.min === undefined ? {} : { min: of.min }),
    ...(of.max === undefined ? {} : { max: of.max }),
  }
}

/** Measures one row of pixels. */
export function measureRow(
  golden: number[],
  actual: number[],
  options: Partial<Pick<Pair, 'mask' | 'min' | 'max'>> = {},
): Measurement {
  return measure({
    golden: Float64Array.from(golden),
    actual: Float64Array.from(actual),
    width: golden.length,
    height: 1,
    ...options,
  })
}

/** Row-major float64 map with `depth(x, y)` at each pixel. */
export function draw(width: number, height: number, depth: (x: number, y: number) => number): Float64Array {
  return Float64Array.from({ length: width * height }, (_, i) => depth(i % width, Math.floor(i / width)))
}
