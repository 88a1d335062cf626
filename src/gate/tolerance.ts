import { checkChoice } from '../base/options.ts'
import { type Precision, precisions } from '../engines/engine.ts'
import { isFov } from '../golden/kinds.ts'
import type { OutputKind } from '../golden/manifest.ts'
import { catalogue, type MetricName } from '../metrics/index.ts'

/** Metrics that a limit can be set for. */
export type LimitName = Exclude<MetricName, 'edgeF1Self'> | 'fovErrorDeg'

/**
 * A limit, inclusive. For `rmse`, `mae` and `maxAbs` either in the map's unit, or as `'0.5%'` of the golden's mean over
 * the compared pixels. For `scale` the largest distance from 1. `false` switches a default off.
 */
export type Limit = number | `${number}%` | false
export type Tolerance = { [name in LimitName]?: Limit }

/** What a limit name means to a reader and how a value is held against it. */
export const limitNames = Object.keys(catalogue).filter(name => name !== 'edgeF1Self') as LimitName[]

/** Whether a limit of this name may be a percentage of the golden's mean. */
export function takesPercent(name: LimitName): boolean {
  return catalogue[name].scaleOf === 'golden'
}

const fp32: Tolerance = {
  rmse: '0.1%',
  absRel: 1e-3,
  p99Rel: 1e-2,
  scale: 1e-3,
  delta1: 0.999,
  edgeF1Drop: 0.02,
  strays: 0.001,
}
const tf32: Tolerance = {
  rmse: '1%',
  absRel: 5e-3,
  p99Rel: 5e-2,
  scale: 5e-3,
  delta1: 0.995,
  edgeF1Drop: 0.05,
  strays: 0.005,
}
const fp16: Tolerance = {
  rmse: '2%',
  absRel: 1e-2,
  p99Rel: 1e-1,
  scale: 5e-3,
  delta1: 0.99,
  edgeF1Drop: 0.05,
  strays: 0.005,
}
const low: Tolerance = {
  rmse: '10%',
  absRel: 5e-2,
  p99Rel: 3e-1,
  scale: 3e-2,
  delta1: 0.97,
  edgeF1Drop: 0.15,
  strays: 0.01,
}

/** The limits of a map where the config sets none. They hold for any depth network; a good config is tighter. */
export const defaultTolerance = {
  fp32,
  tf32,
  fp16,
  bf16: low,
  int8: low,
  fp8: low,
} as const satisfies Record<Precision, Tolerance>

const defaultFovErrorDeg = {
  fp32: 0.05,
  tf32: 0.25,
  fp16: 0.25,
  bf16: 1,
  int8: 1,
  fp8: 1,
} as const satisfies Record<Precision, number>

/** Whether a limit of this name can be held against an output of this kind. */
export function appliesTo(name: LimitName, kind: OutputKind): boolean {
  return (name === 'fovErrorDeg') === isFov(kind)
}

/**
 * The limits in force for one output: the defaults of its precision, under what the config and the call say. A limit
 * that is `undefined` leaves the one below it in force; only `false` takes it away.
 */
export function toleranceFor(
  kind: OutputKind,
  precision: Precision,
  ...overrides: readonly (Tolerance | undefined)[]
): Tolerance {
  // a mistyped precision would have no limits at all
  checkChoice(precision, precisions, 'precision')
  const tolerance: Tolerance = isFov(kind)
    ? { fovErrorDeg: defaultFovErrorDeg[precision] }
    : { ...defaultTolerance[precision] }
  for (const override of overrides)
    for (const [name, limit] of Object.entries(override ?? {}))
      if (limit !== undefined) tolerance[name as LimitName] = limit
  return tolerance
}
