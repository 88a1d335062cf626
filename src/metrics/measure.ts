import type { Metrics } from './catalogue.ts'
import { edgeScores } from './edges.ts'
import { median, quantiles } from './order-statistics.ts'
import { checkPair, type Pair } from './pair.ts'
import { comparePixels, type PixelErrors, type PixelPass } from './pixels.ts'
import { countStrays } from './strays.ts'
import { describePixel, type Worst } from './worst.ts'

/**
 * What `measure` found. Every pixel is one of masked, goldenNonFinite, outside and compared, tried in this
 * order, so that the four add up to `pixels`.
 */
export interface Measurement {
  metrics: Metrics
  /** Mean golden depth over the compared pixels; NaN where there are none. */
  goldenMean: number
  pixels: number
  /** Golden finite, above 0, inside [min, max] and not masked. */
  compared: number
  goldenNonFinite: number
  /** Golden finite, but not above 0 or not inside [min, max]. */
  outside: number
  masked: number
  /** NaN and ±Infinity of the actual over the WHOLE map, compared or not: any of them is for the caller to fail. */
  actualNonFinite: number
  firstNonFinite: { x: number; y: number; value: number } | null
  /** The first non-finite actual, else the first pixel of the largest relative error; null where nothing is compared. */
  worst: Worst | null
}

/**
 * Measures how far `actual` is from `golden`: the formulas are in `catalogue`. SOURCE of the pixel metrics:
 * Eigen et al. 2014 (arXiv 1406.2283) and the KITTI depth benchmark, in the variants that BTS and ZoeDepth
 * evaluate, but unaligned and with no clamping of the actual, either of which would hide a regression.
 *
 * Non-finite actuals are counted and left out of the sums, never of `compared`. An actual ≤ 0 has no
 * logarithm and makes rmseLog, log10 and siLog Infinity, never NaN, and lies within no delta.
 * With nothing compared all metrics are NaN, but coverage is 0. Throws when the maps' sizes disagree.
 */
export function measure(pair: Pair): Measurement {
  checkPair(pair)
  const { actual, width } = pair
  const pass = comparePixels(pair)
  const { compared, outside, goldenNonFinite, masked, actualNonFinite, firstNonFinite } = pass
  const pixels = actual.length
  const worst = firstNonFinite >= 0 ? firstNonFinite : pass.worst
  return {
    metrics: metricsOf(pair, pass),
    goldenMean: pass.goldenSum / compared,
    pixels,
    compared,
    goldenNonFinite,
    outside,
    masked,
    actualNonFinite,
    firstNonFinite:
      firstNonFinite < 0
        ? null
        : {
            x: firstNonFinite % width,
            y: Math.floor(firstNonFinite / width),
            value: actual[firstNonFinite]!,
          },
    worst: compared === 0 ? null : describePixel(pair, worst),
  }
}

function metricsOf(pair: Pair, pass: PixelPass & PixelErrors): Metrics {
  const pixels = pair.golden.length
  const perPixel = pixelMetrics(pass)
  if (pass.compared === 0) {
    const none = Number.NaN
    return { ...perPixel, coverage: 0, strays: none, edgeF1: none, edgeF1Self: none, edgeF1Drop: none }
  }
  const strays = pass.outside === 0 ? 0 : countStrays(pair)
  const { f1, self } = edgeScores(pair)
  return {
    ...perPixel,
    coverage: pass.compared / pixels,
    strays: strays / pixels,
    edgeF1: f1,
    edgeF1Self: self,
    edgeF1Drop: Math.max(0, self - f1),
  }
}

type PixelMetrics = Omit<Metrics, 'coverage' | 'strays' | 'edgeF1' | 'edgeF1Self' | 'edgeF1Drop'>

/** From sums to means; all NaN where no compared pixel has a finite actual (0 / 0). */
function pixelMetrics(pass: PixelPass & PixelErrors): PixelMetrics {
  const { finite: n } = pass
  const log = (value: number) => (pass.nonPositive > 0 ? Infinity : value)
  const relative = { values: pass.relative, least: 0, most: pass.maxRel }
  const ratio = { values: pass.ratio, least: pass.minRatio, most: pass.maxRatio }
  const none = Number.NaN
  const [p50Rel = none, p90Rel = none, p95Rel = none, p99Rel = none] =
    n === 0 ? [] : quantiles(relative, [0.5, 0.9, 0.95, 0.99])
  return {
    rmse: Math.sqrt(pass.sumSquare / n),
    mae: pass.sumAbs / n,
    absRel: pass.sumRel / n,
    sqRel: pass.sumSquareRel / n,
    rmseLog: log(Math.sqrt(pass.sumSquareLog / n)),
    // |log10 a − log10 g| = |d| / ln 10
    log10: log(pass.sumAbsLog / n / Math.LN10),
    // rounding may leave the variance a hair below 0
    siLog: log(100 * Math.sqrt(Math.max(0, pass.sumSquareShifted / n - (pass.sumShifted / n) ** 2))),
    delta1: pass.within1 / n,
    delta2: (pass.within1 + pass.within2) / n,
    delta3: (pass.within1 + pass.within2 + pass.within3) / n,
    maxAbs: n === 0 ? none : pass.maxAbs,
    maxRel: n === 0 ? none : pass.maxRel,
    p50Rel,
    p90Rel,
    p95Rel,
    p99Rel,
    scale: n === 0 ? none : median(ratio),
  }
}
