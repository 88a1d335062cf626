import './matcher/matchers.ts'

export { DepthgateError } from './base/errors.ts'
export type { DepthMap, FloatArray } from './depth/depth-map.ts'
export { depthMap } from './depth/depth-map.ts'
export { metricDepth } from './depth/metric-depth.ts'
export { readNpy } from './depth/npy.ts'
export type { Fingerprint, Fusion, Precision } from './engines/engine.ts'
export { releaseEngines } from './engines/pool.ts'
export type { Timing } from './engines/statistics.ts'
export { infer, scenes, time } from './gate/api.ts'
export type { Budget, ModelBudget } from './gate/budget.ts'
export type { Config, ModelConfig, OutputConfig, Range } from './gate/define-config.ts'
export { defineConfig } from './gate/define-config.ts'
export type { Inference, InferOptions } from './gate/infer.ts'
export { type Comparison, judge } from './gate/judge.ts'
export type { Timed, TimeOptions } from './gate/time.ts'
export { defaultTolerance, type Limit, type LimitName, type Tolerance } from './gate/tolerance.ts'
export type {
  Attribution,
  Cause,
  Corner,
  FovVerdict,
  IncomparableVerdict,
  LimitResult,
  MapVerdict,
  OutputVerdict,
  Verdict,
} from './gate/verdict.ts'
export type { Manifest, OutputKind } from './golden/manifest.ts'
export type { MatchOptions } from './matcher/to-match-golden.ts'
export {
  catalogue,
  type Measurement,
  type MetricInfo,
  type MetricName,
  type Metrics,
  type MetricUnit,
  measure,
  type Neighbourhood,
  type Pair,
  type Worst,
} from './metrics/index.ts'
