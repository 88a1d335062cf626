import { fitLine } from './line.ts'
import { checkPair, comparedRange, type Pair } from './pair.ts'

/** A mistake that people make between a network and its export, seen in the map that comes out. */
export type Mistake =
  | { type: 'turned'; how: Turn }
  /** actual = factor · golden */
  | { type: 'scaled'; factor: number }
  /** actual = factor · golden + offset */
  | { type: 'linear'; factor: number; offset: number }
  /** actual = factor / golden */
  | { type: 'reciprocal'; factor: number }
  /** actual(x, y) = golden(x − right, y − down), in pixels */
  | { type: 'moved'; right: number; down: number }

export type Turn = keyof typeof turns

/** What `actual` is of `golden`, and the mean relative error of what can be compared once that is undone; before, as it was. */
export type Resemblance = Mistake & { absRel: number; before: number }

/** Where a pixel of the golden lies in a map of width × height that is turned so; −1 where that cannot be. */
const turns = {
  'mirrored left to right': (x, y, w) => y * w + (w - 1 - x),
  'upside down': (x, y, w, h) => (h - 1 - y) * w + x,
  'rotated by 180°': (x, y, w, h) => (h - 1 - y) * w + (w - 1 - x),
  // only a square keeps its shape then
  transposed: (x, y, w, h) => (w === h ? x * w + y : -1),
  'rotated by 90° clockwise': (x, y, w, h) => (w === h ? x * w + (w - 1 - y) : -1),
  'rotated by 90° counterclockwise': (x, y, w, h) => (w === h ? (w - 1 - x) * w + y : -1),
} as const satisfies Record<string, (x: number, y: number, w: number, h: number) => number>

/** What may remain of the error, or of 1 where that is more, when a mistake is undone: more is left by chance. */
const explained = 0.1
/** Of two mistakes that both explain it the simpler one is told, unless the other leaves this much less. */
const clearly = 0.5
/** A relative error that float32 makes by itself. */
const rounding = 1e-6
/** Furthest that a map is looked for, in pixels: a patch of most transformers. */
const furthest = 16
/** Pixels that a mistake is looked for on; errors of the one that is found are of all. */
const enough = 1 << 14
/** Of few pixels a factor, a shift or a move explains anything. */
const fewest = 32

/** Pixels that are compared, and the golden there. */
interface Points {
  x: Uint32Array
  y: Uint32Array
  golden: Float64Array
}

/** Of each point the actual that belongs to it once a mistake is undone; NaN for a point that it leaves without. */
type Undone = (points: Points) => Float64Array

/**
 * What an actual map is of its golden, where one mistake explains nine tenths or more of the mean relative error: turned,
 * scaled, scaled and shifted in value (near and far swapped, too), one over it, or moved by up to 16 pixels. `undefined` where
 * none does, where less than 32 pixels are compared, or where an actual is infinite or more than half of them are NaN. Pure.
 * Throws when the maps' sizes disagree.
 */
export function resemblance(pair: Pair): Resemblance | undefined {
  checkPair(pair)
  const some = sample(pair)
  if (some.golden.length < fewest) return undefined
  const here = (points: Points) => inPlace(pair, points)
  const before = meanError(here(some), some)
  if (!(before > 0)) return undefined

  const found = candidates(pair, some, here)
    .map(({ undone, ...candidate }) => ({ ...candidate, undone, absRel: meanError(undone(some), some) }))
    .filter(({ absRel }) => explains(absRel, before))
  const least = Math.max(rounding, Math.min(...found.map(({ absRel }) => absRel)))
  const told = found.find(({ absRel }) => clearly * absRel <= least)
  if (!told) return undefined
  const all = pointsOf(pair, 1)
  const errors = { absRel: meanError(told.undone(all), all), before: meanError(here(all), all) }
  return explains(errors.absRel, errors.before) ? { ...told.mistake, ...errors } : undefined
}

/** Whether an absRel instead of another one is a mistake undone, and no chance. */
export function explains(absRel: number, before: number): boolean {
  return absRel <= explained * Math.min(1, before)
}

/** absRel of some 16 thousand of the pixels that are compared: for many maps of which few matter. NaN as `resemblance` has none. */
export function sampledAbsRel(pair: Pair): number {
  checkPair(pair)
  const points = sample(pair)
  return meanError(inPlace(pair, points), points)
}

/** Simpler ones first. */
function candidates(pair: Pair, points: Points, here: Undone): { mistake: Mistake; undone: Undone }[] {
  const { width, height } = pair
  const all = here(points)
  const isKnown = (_value: number, i: number) => !Number.isNaN(all[i])
  const [actual, golden] = [all.filter(isKnown), points.golden.filter(isKnown)]
  const map =
    (value: (actual: number) => number): Undone =>
    places =>
      here(places).map(value)

  const turned = Object.entries(turns).map(([how, at]) => ({
    mistake: { type: 'turned' as const, how: how as Turn },
    undone: (places: Points) => pick(pair, places, (x, y) => at(x, y, width, height)),
  }))
  const scale = median(actual.map((value, i) => value / golden[i]!))
  const product = median(actual.map((value, i) => value * golden[i]!))
  const { scale: factor, shift: offset } = fitLine(golden, actual)
  const { right, down } = displacement(pair, points)
  return [
    ...turned,
    { mistake: { type: 'scaled', factor: scale }, undone: map(value => value / scale) },
    { mistake: { type: 'reciprocal', factor: product }, undone: map(value => product / value) },
    { mistake: { type: 'linear', factor, offset }, undone: map(value => (value - offset) / factor) },
    { mistake: { type: 'moved', right, down }, undone: places => moved(pair, places, right, down) },
  ]
}

function sample(pair: Pair): Points {
  return pointsOf(pair, Math.max(1, Math.floor(Math.sqrt((pair.width * pair.height) / enough))))
}

function inPlace(pair: Pair, points: Points): Float64Array {
  return pick(pair, points, (x, y) => y * pair.width + x)
}

/** Every pixel that is compared of each `step`-th row and column. */
function pointsOf(pair: Pair, step: number): Points {
  const { golden, mask, width, height } = pair
  const [low, high] = comparedRange(pair)
  const places: number[] = []
  for (let y = 0; y < height; y += step)
    for (let x = 0; x < width; x += step) {
      const i = y * width + x
      if (golden[i]! >= low && golden[i]! <= high && mask?.[i] !== 0) places.push(i)
    }
  return {
    x: Uint32Array.from(places, i => i % width),
    y: Uint32Array.from(places, i => Math.floor(i / width)),
    golden: Float64Array.from(places, i => golden[i]!),
  }
}

function pick({ actual }: Pair, { x, y }: Points, at: (x: number, y: number) => number): Float64Array {
  return Float64Array.from(x, (column, i) => actual[at(column, y[i]!)] ?? Number.NaN)
}

function moved(pair: Pair, points: Points, right: number, down: number): Float64Array {
  const { width, height } = pair
  return pick(pair, points, (x, y) => {
    const [column, row] = [x + right, y + down]
    return column >= 0 && column < width && row >= 0 && row < height ? row * width + column : -1
  })
}

/** The move that leaves the least error, on few of the points; [0, 0] is none. */
function displacement(pair: Pair, points: Points): { right: number; down: number } {
  const every = Math.ceil(points.x.length / 1024)
  const few = (values: Uint32Array | Float64Array) => values.filter((_value, i) => i % every === 0)
  const sparse = { x: few(points.x), y: few(points.y), golden: few(points.golden) } as Points
  let best = { right: 0, down: 0, error: Infinity }
  for (let down = -furthest; down <= furthest; down++)
    for (let right = -furthest; right <= furthest; right++) {
      const error = meanError(moved(pair, sparse, right, down), sparse)
      if (error < best.error) best = { right, down, error }
    }
  return best
}

/** Mean of |a − g| / g over the points that have an actual; NaN where those are less than half, or one is infinite. */
function meanError(actual: Float64Array, { golden }: Points): number {
  let [sum, n] = [0, 0]
  for (let i = 0; i < actual.length; i++) {
    if (Number.isNaN(actual[i])) continue
    sum += Math.abs(actual[i]! - golden[i]!) / golden[i]!
    n++
  }
  return 2 * n >= actual.length && Number.isFinite(sum) ? sum / n : Number.NaN
}

function median(values: Float64Array): number {
  return values.sort()[values.length >> 1] ?? Number.NaN
}
