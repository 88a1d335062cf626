import type { Fingerprint, Fusion, Precision } from '../engines/engine.ts'
import type { OutputKind } from '../golden/manifest.ts'
import type { Measurement, Metrics } from '../metrics/index.ts'
import type { Range } from './define-config.ts'
import type { Rest } from './recipe.ts'
import type { LimitName } from './tolerance.ts'

/** One metric held against its limit. */
export interface LimitResult {
  name: LimitName
  value: number
  /** The limit in the metric's own unit; for `scale` the largest distance from 1. */
  limit: number
  /** As the config says it, such as `0.5%`. */
  stated: string
  pass: boolean
  /**
   * Share of the limit that is used: 0 is perfect, 1 is at the limit, 2 is twice beyond it. For metrics whose best is
   * 1 it is the share of the distance from 1.
   */
  used: number
}

interface OutputBase {
  output: string
  kind: OutputKind
  pass: boolean
  /** One line that a person can act on. */
  reason: string
}

/** A map that was compared with its golden. */
export interface MapVerdict extends OutputBase {
  type: 'map'
  metrics: Metrics
  /** Golden values that count, as the config said it; absent where all above 0 do. */
  range?: Range
  counts: Pick<
    Measurement,
    'pixels' | 'compared' | 'goldenNonFinite' | 'outside' | 'masked' | 'actualNonFinite'
  >
  limits: LimitResult[]
  worst: Measurement['worst']
}

/** A field of view that was compared with its golden, in degrees. */
export interface FovVerdict extends OutputBase {
  type: 'fov'
  golden: number
  actual: number
  limits: LimitResult[]
}

/** An output that could not be compared at all. Always a failure. */
export interface IncomparableVerdict extends OutputBase {
  type: 'incomparable'
  cause: 'missing' | 'shape' | 'type' | 'nothing-valid' | 'no-limit'
  pass: false
}

export type OutputVerdict = MapVerdict | FovVerdict | IncomparableVerdict

/** What makes a scene fail. `combination`: each step alone keeps the tolerance, together they break it. */
export type Cause =
  | 'export'
  | 'fusion'
  | 'number format'
  | 'accumulation'
  | 'fusion and number format'
  | 'fusion and accumulation'
  | 'combination'
  | 'unknown'

/** One of the runs that attribution compares. */
export interface Corner {
  precision: Precision
  fusion: Fusion
  arithmetic: Fingerprint['arithmetic']
  /** Where products are summed, for formats whose kernels may do either: in FP32, or as the engine does. */
  sums?: 'fp32' | 'engine'
  /** Of a quantised precision whose rest is reduced too: what the rest was here. */
  rest?: Rest
  /** What the config gives ready-made, an ONNX or a plan, beside corners that depthgate made from the FP32 ONNX. */
  given?: true
  /** Why it could not be run; its figures are NaN. */
  problem?: string
  /** Whether it keeps the tolerance of the precision that failed. */
  pass: boolean
  /** Distance to the golden; NaN where a value is not finite. */
  error: number
  /** Distance to the corner before it: errors that cancel are seen here. */
  added: number
}

/** How much of the error each step adds, and the step that breaks the tolerance. */
export interface Attribution {
  cause: Cause
  reason: string
  /** The output that the figures are of. */
  output: string
  /** Mean relative error of a map, or degrees of a field of view. */
  unit: 'absRel' | '°'
  corners: Corner[]
}

/** What depthgate says of one scene at one precision on one engine. Data, never an exception. */
export interface Verdict {
  model: string
  scene: string
  precision: Precision
  pass: boolean
  /** The reason of the first output that fails, or in one line that all is well. */
  reason: string
  outputs: OutputVerdict[]
  /** The engine's name in the config; absent where a plain array was judged, whose origin is unknown. */
  engine?: string
  /** Absent where `engine` is. */
  fingerprint?: Fingerprint
  /** For a failure, where it was asked for or found on the way. */
  attribution?: Attribution
  /** What a reader of the figures must know; never a reason to fail. */
  notes: string[]
}
