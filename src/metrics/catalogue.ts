/** Every figure that `measure` gives for one pair of maps. */
export type MetricName =
  | 'rmse'
  | 'mae'
  | 'absRel'
  | 'sqRel'
  | 'rmseLog'
  | 'log10'
  | 'siLog'
  | 'delta1'
  | 'delta2'
  | 'delta3'
  | 'maxAbs'
  | 'maxRel'
  | 'p50Rel'
  | 'p90Rel'
  | 'p95Rel'
  | 'p99Rel'
  | 'scale'
  | 'coverage'
  | 'strays'
  | 'edgeF1'
  | 'edgeF1Self'
  | 'edgeF1Drop'

export type Metrics = Record<MetricName, number>

/**
 * `depth`: the maps' own unit. `log`: a logarithm of a ratio. `ratio`: actual over golden.
 * `fraction`: 0…1 where it counts pixels or edges, 0…∞ where it is a relative error.
 * `percent`: a hundred times a fraction. `degrees`: an angle.
 */
export type MetricUnit = 'depth' | 'log' | 'ratio' | 'fraction' | 'percent' | 'degrees'

export interface MetricInfo {
  /** Where a perfect engine lies: at the bottom, at the top, or at 1. */
  readonly better: 'lower' | 'higher' | 'one'
  readonly unit: MetricUnit
  /** Set where a limit may also be given as a percentage of the golden's mean depth. */
  readonly scaleOf?: 'golden'
  /** Short words for a table. */
  readonly title: string
  /** a: actual, g: golden, d: ln a − ln g; means are over the compared pixels. */
  readonly formula: string
}

/** What each metric means, in the order in which reports list them. */
export const catalogue: Readonly<Record<MetricName | 'fovErrorDeg', MetricInfo>> = {
  rmse: {
    better: 'lower',
    unit: 'depth',
    scaleOf: 'golden',
    title: 'root mean square error',
    formula: '√mean((a − g)²)',
  },
  mae: {
    better: 'lower',
    unit: 'depth',
    scaleOf: 'golden',
    title: 'mean absolute error',
    formula: 'mean(|a − g|)',
  },
  absRel: {
    better: 'lower',
    unit: 'fraction',
    title: 'mean relative error',
    formula: 'mean(|a − g| / g)',
  },
  sqRel: {
    better: 'lower',
    unit: 'depth',
    title: 'mean squared error over depth',
    formula: 'mean((a − g)² / g)',
  },
  rmseLog: {
    better: 'lower',
    unit: 'log',
    title: 'root mean square log error',
    formula: '√mean(d²)',
  },
  log10: {
    better: 'lower',
    unit: 'log',
    title: 'mean log10 error',
    formula: 'mean(|log10 a − log10 g|)',
  },
  siLog: {
    better: 'lower',
    unit: 'percent',
    title: 'scale-invariant log error',
    formula: '100·√max(0, mean(d²) − mean(d)²)',
  },
  delta1: {
    better: 'higher',
    unit: 'fraction',
    title: 'pixels within a factor of 1.25',
    formula: 'mean(max(a/g, g/a) < 1.25)',
  },
  delta2: {
    better: 'higher',
    unit: 'fraction',
    title: 'pixels within a factor of 1.25²',
    formula: 'mean(max(a/g, g/a) < 1.25²)',
  },
  delta3: {
    better: 'higher',
    unit: 'fraction',
    title: 'pixels within a factor of 1.25³',
    formula: 'mean(max(a/g, g/a) < 1.25³)',
  },
  maxAbs: {
    better: 'lower',
    unit: 'depth',
    scaleOf: 'golden',
    title: 'largest absolute error',
    formula: 'max(|a − g|)',
  },
  maxRel: {
    better: 'lower',
    unit: 'fraction',
    title: 'largest relative error',
    formula: 'max(|a − g| / g)',
  },
  p50Rel: {
    better: 'lower',
    unit: 'fraction',
    title: 'median relative error',
    formula: '50 % quantile of |a − g| / g',
  },
  p90Rel: {
    better: 'lower',
    unit: 'fraction',
    title: '90 % relative error',
    formula: '90 % quantile of |a − g| / g',
  },
  p95Rel: {
    better: 'lower',
    unit: 'fraction',
    title: '95 % relative error',
    formula: '95 % quantile of |a − g| / g',
  },
  p99Rel: {
    better: 'lower',
    unit: 'fraction',
    title: '99 % relative error',
    formula: '99 % quantile of |a − g| / g',
  },
  scale: {
    better: 'one',
    unit: 'ratio',
    title: 'median scale',
    formula: 'median(a / g)',
  },
  coverage: {
    better: 'higher',
    unit: 'fraction',
    title: 'compared pixels',
    formula: 'compared pixels / all pixels',
  },
  strays: {
    better: 'lower',
    unit: 'fraction',
    title: 'excluded pixels that changed sides',
    formula: 'pixels with g beyond a bound of the range and a across it by a factor of 1.25 / all pixels',
  },
  edgeF1: {
    better: 'higher',
    unit: 'fraction',
    title: 'boundary F1',
    formula: 'Σ tᵢ·F1(tᵢ) / Σ tᵢ, ten ratios tᵢ of neighbouring depths from 1.05 to 1.25',
  },
  edgeF1Self: {
    better: 'higher',
    unit: 'fraction',
    title: 'boundary F1 of the golden with itself',
    formula: 'edgeF1 with a = g',
  },
  edgeF1Drop: {
    better: 'lower',
    unit: 'fraction',
    title: 'boundary F1 lost',
    formula: 'max(0, edgeF1Self − edgeF1)',
  },
  fovErrorDeg: {
    better: 'lower',
    unit: 'degrees',
    title: 'field of view error',
    formula: '|a − g|, fields of view in degrees',
  },
}
