import type { FloatArray } from '../depth/depth-map.ts'
import type { Pair } from './pair.ts'

/**
 * Scale-invariant boundary F1 of two depth maps.
 *
 * SOURCE: Depth Pro (arXiv 2410.02073) and the metric published with it, restated here. Let z = 1 / max(depth, 1e-6).
 * For a ratio t there is an edge between neighbours where the z of one exceeds the z of the other by more than
 * t, strictly; "right", "left", "bottom" and "top" name the side on which the nearer one lies. Per direction,
 * recall is |P ∩ G| / max(|G|, 1) and precision |P ∩ G| / max(|P|, 1), P the actual's edges and G the golden's;
 * both are averaged over the four directions, THEN F1 = 2rp / (r + p), or 0 where r + p is 0. The score is the
 * mean over ten ratios t from 1.05 to 1.25, weighted by t. No mask, no tolerance of position; a comparison with
 * NaN is false.
 *
 * Two things to know. A map need not score 1 against itself: a direction without edges gives 0 of 0, which
 * counts as 0, so that scores are to be read against `self`. And maps of INVERSE depth have the same
 * edges in the opposite directions, hence the same scores, except where the clip bites: there it cuts
 * the far end instead of the near one.
 */
export interface EdgeScores {
  /** Actual against golden, 0…1. */
  readonly f1: number
  /** Golden against itself: what a perfect engine would get. */
  readonly self: number
}

const LEVELS = 10
/** numpy.linspace(1.05, 1.25, 10) to the last bit: i·step + start, and the end as it stands. */
const thresholds = Float64Array.from({ length: LEVELS }, (_, i) =>
  i === LEVELS - 1 ? 1.25 : i * ((1.25 - 1.05) / (LEVELS - 1)) + 1.05,
)
const thresholdSum = thresholds.reduce((sum, t) => sum + t, 0)

const NEAREST = 1e-6
/** Depths that differ by no more than this share are no edge at any threshold: a ratio of 1/(1 − 0.04) is far below 1.05. */
const SURELY_FLAT = 0.04

/**
 * Edges of one orientation, counted by level: an edge is in the sets of its first |level| thresholds, so ten
 * boolean maps fold into one small number a pair of neighbours. Index LEVELS + level; the sign is the direction,
 * and level 0, no edge, is never read.
 */
interface Tally {
  readonly golden: Float64Array
  readonly actual: Float64Array
  /** Edges of both in the same direction, by the smaller level: the size of the intersections. */
  readonly both: Float64Array
}

/** Scores two maps of height × width depths, row-major, in one pass. */
export function edgeScores({ golden, actual, width, height }: Pair): EdgeScores {
  const across = newTally()
  const down = newTally()
  for (let y = 0; y < height; y++) {
    const row = y * width
    tallyRow(golden, actual, row, width, across)
    if (y + 1 < height) tallyRows(golden, actual, row, width, down)
  }

  let f1 = 0
  let self = 0
  for (let i = 0; i < LEVELS; i++) {
    const weight = thresholds[i]! / thresholdSum
    const directions = [across, down].flatMap(tally => [edgesAbove(tally, i, 1), edgesAbove(tally, i, -1)])
    f1 += weight * boundaryF1(directions)
    self += weight * boundaryF1(directions.map(({ golden: g }) => ({ golden: g, actual: g, both: g })))
  }
  return { f1, self }
}

/** Counts the edges between neighbours of the row that begins at `start`; each pixel is read once and handed on. */
function tallyRow(golden: FloatArray, actual: FloatArray, start: number, width: number, tally: Tally): void {
  let g = golden[start]!
  let a = actual[start]!
  for (let i = start + 1; i < start + width; i++) {
    const gNext = golden[i]!
    const aNext = actual[i]!
    if (!surelyFlat(g, gNext, a, aNext)) tallyPair(edgeLevel(g, gNext), edgeLevel(a, aNext), tally)
    g = gNext
    a = aNext
  }
}

/** Counts the edges between the row that begins at `start` and the row below it. */
function tallyRows(golden: FloatArray, actual: FloatArray, start: number, width: number, tally: Tally): void {
  for (let i = start; i < start + width; i++) {
    const g = golden[i]!
    const a = actual[i]!
    const gNext = golden[i + width]!
    const aNext = actual[i + width]!
    if (!surelyFlat(g, gNext, a, aNext)) tallyPair(edgeLevel(g, gNext), edgeLevel(a, aNext), tally)
  }
}

/** Nearly every pair is flat in both maps; NaN, infinite and negative depths fail the `<` and go the long way. */
function surelyFlat(g: number, gNext: number, a: number, aNext: number): boolean {
  return Math.abs(gNext - g) < SURELY_FLAT * g && Math.abs(aNext - a) < SURELY_FLAT * a
}

function tallyPair(golden: number, actual: number, tally: Tally): void {
  tally.golden[LEVELS + golden]!++
  tally.actual[LEVELS + actual]!++
  const agree = golden > 0 === actual > 0
  if (agree) tally.both[LEVELS + (golden > 0 ? Math.min(golden, actual) : Math.max(golden, actual))]!++
}

/** How many thresholds the edge exceeds, 0…10: positive where the second depth is the nearer one, else negative. */
function edgeLevel(first: number, second: number): number {
  // through the reciprocals, not second / first: at an exact tie the last bit decides
  const z1 = 1 / Math.max(first, NEAREST)
  const z2 = 1 / Math.max(second, NEAREST)
  if (z2 > z1) return exceeded(z2 / z1)
  // not below 1, or NaN, which exceeds nothing; 0 − 0 keeps the level without an edge from being −0
  return 0 - exceeded(z1 / z2)
}

function exceeded(ratio: number): number {
  let level = 0
  while (level < LEVELS && ratio > thresholds[level]!) level++
  return level
}

interface EdgeCounts {
  readonly golden: number
  readonly actual: number
  readonly both: number
}

/** Edges of one direction (the sign of their level) above threshold `index`. */
function edgesAbove(tally: Tally, index: number, direction: 1 | -1): EdgeCounts {
  const counts = { golden: 0, actual: 0, both: 0 }
  for (let level = index + 1; level <= LEVELS; level++) {
    const at = LEVELS + direction * level
    counts.golden += tally.golden[at]!
    counts.actual += tally.actual[at]!
    counts.both += tally.both[at]!
  }
  return counts
}

/** F1 of recall and precision averaged over the four directions. */
function boundaryF1(directions: readonly EdgeCounts[]): number {
  let recall = 0
  let precision = 0
  for (const { golden, actual, both } of directions) {
    recall += both / Math.max(golden, 1) / directions.length
    precision += both / Math.max(actual, 1) / directions.length
  }
  return recall + precision === 0 ? 0 : (2 * recall * precision) / (recall + precision)
}

function newTally(): Tally {
  const levels = 2 * LEVELS + 1
  return {
    golden: new Float64Array(levels),
    actual: new Float64Array(levels),
    both: new Float64Array(levels),
  }
}
