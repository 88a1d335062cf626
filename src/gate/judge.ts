import { type DepthMap, formatShape, packed, surplusAxes } from '../depth/depth-map.ts'
import { unitOf } from '../golden/kinds.ts'
import type { OutputKind } from '../golden/manifest.ts'
import type { Truth } from '../golden/store.ts'
import { catalogue, fovErrorDeg, type Measurement, measure } from '../metrics/index.ts'
import type { Range } from './define-config.ts'
import { pairOf } from './distance.ts'
import { figure, times } from './figure.ts'
import { limitFigures } from './limit-figures.ts'
import { allowedLoss, lossOf } from './loss.ts'
import { appliesTo, type Limit, type LimitName, limitNames, type Tolerance } from './tolerance.ts'
import type { IncomparableVerdict, LimitResult, MapVerdict, OutputVerdict } from './verdict.ts'

/** One output of an engine beside what PyTorch produced for it. */
export interface Comparison {
  output: string
  kind: OutputKind
  golden: Truth
  /** `undefined` where the engine gave no such output. */
  actual: Truth | undefined
  tolerance: Tolerance
  range?: Range
  /** One byte a pixel; 0 leaves the pixel out. */
  mask?: Uint8Array
}

/** Decides whether one output keeps its tolerance. Pure: no file is read or written, nothing is thrown. */
export function judge(comparison: Comparison): OutputVerdict {
  const { golden, actual } = comparison
  if (actual === undefined) return incomparable(comparison, 'missing', 'the engine gave no such output')
  if (typeof golden === 'number')
    return typeof actual === 'number'
      ? judgeFov(comparison, golden, actual)
      : incomparable(
          comparison,
          'type',
          `expected a field of view, got a map of ${formatShape(actual.shape)}`,
        )
  if (typeof actual === 'number') return incomparable(comparison, 'type', 'expected a map, got one number')
  return judgeMap(comparison, golden, actual)
}

function judgeMap(comparison: Comparison, golden: DepthMap, actual: DepthMap): OutputVerdict {
  const { mask, range } = comparison
  const pair = pairOf(golden, actual, range)
  if (!pair) return incomparable(comparison, 'shape', shapeReason(golden.shape, actual.shape))
  if (mask !== undefined && mask.length !== pair.width * pair.height)
    return incomparable(
      comparison,
      'shape',
      `the mask holds ${mask.length} values, the golden is ${formatShape(golden.shape)}`,
    )
  const measurement = measure({ ...pair, ...(mask && { mask }) })
  const { pixels, compared, goldenNonFinite, outside, masked, actualNonFinite, metrics, worst } = measurement
  if (compared === 0)
    return incomparable(
      comparison,
      'nothing-valid',
      `no pixel of the golden counts: of ${pixels}, ${goldenNonFinite} are not finite, ${outside} are outside ${rangeText(range)}, ${masked} are masked. Nothing was compared`,
    )
  const limits = hold(comparison, name => metrics[name as keyof typeof metrics], measurement.goldenMean)
  if (limits.length === 0) return unlimited(comparison)
  const pass = actualNonFinite === 0 && limits.every(limit => limit.pass)
  const verdict: MapVerdict = {
    type: 'map',
    output: comparison.output,
    kind: comparison.kind,
    pass,
    reason: pass ? closest(limits) : mapReason(measurement, limits, comparison.kind, actual),
    metrics,
    ...(range && { range }),
    counts: { pixels, compared, goldenNonFinite, outside, masked, actualNonFinite },
    limits,
    worst,
  }
  return verdict
}

function judgeFov(comparison: Comparison, golden: number, actual: number): OutputVerdict {
  const { output, kind } = comparison
  const limits = hold(comparison, () => fovErrorDeg(golden, actual), golden)
  if (limits.length === 0) return unlimited(comparison)
  const finite = Number.isFinite(actual)
  const pass = finite && limits.every(limit => limit.pass)
  const seen = `${figure(actual)}° instead of ${figure(golden)}°`
  const reason = !finite
    ? `the field of view is ${actual}`
    : pass
      ? closest(limits)
      : `${seen}: every metric depth is off by that scale; ${broken(limits, 'fov')}`
  return { type: 'fov', output, kind, pass, reason, golden, actual, limits }
}

/** The limit of this name that is in force for this output, if any. */
function stated({ tolerance, kind }: Comparison, name: LimitName): Exclude<Limit, false> | undefined {
  const limit = tolerance[name]
  return limit === false || !appliesTo(name, kind) ? undefined : limit
}

/** Holds values against limits. A value that is not a number never passes. */
function hold(
  comparison: Comparison,
  valueAt: (name: LimitName) => number,
  goldenMean: number,
): LimitResult[] {
  const results: LimitResult[] = []
  for (const name of limitNames) {
    const set = stated(comparison, name)
    if (set === undefined) continue
    const limit = absolute(set, goldenMean)
    const value = valueAt(name)
    const loss = lossOf(name, value)
    // held as it is written: 1 − 0.999 is a hair more than 1 − the float that 0.999 is
    const pass = catalogue[name].better === 'higher' ? value >= limit : loss <= limit
    const used = usedShare(loss, allowedLoss(name, limit))
    results.push({ name, value, limit, stated: String(set), pass, used })
  }
  return results
}

function absolute(limit: Exclude<Limit, false>, goldenMean: number): number {
  return typeof limit === 'number' ? limit : (Number.parseFloat(limit) / 100) * goldenMean
}

function usedShare(loss: number, allowed: number): number {
  if (allowed > 0) return Math.max(0, loss / allowed)
  return loss > 0 ? Infinity : 0
}

function mapReason(
  { actualNonFinite, firstNonFinite, pixels }: Measurement,
  limits: LimitResult[],
  kind: OutputKind,
  actual: DepthMap,
): string {
  if (actualNonFinite === 0) return broken(limits, kind)
  if (actualNonFinite === pixels)
    return `the engine produced no finite pixel: all ${pixels} are ${packed(actual).every(Number.isNaN) ? 'NaN' : 'NaN or infinite'}`
  const where = firstNonFinite
    ? `; the first, ${firstNonFinite.value}, is at x ${firstNonFinite.x}, y ${firstNonFinite.y}`
    : ''
  return `the engine produced ${actualNonFinite} of ${pixels} pixels that are not finite${where}`
}

function broken(limits: LimitResult[], kind: OutputKind): string {
  const failed = limits.filter(limit => !limit.pass).sort((a, b) => b.used - a.used)
  return failed.map(limit => limitText(limit, kind)).join('; ')
}

/** "rmse 0.31 m, 2.4× its limit of 0.13 m (1%)" */
function limitText(held: LimitResult, kind: OutputKind): string {
  const { name, stated, used } = held
  const { better, unit } = catalogue[name]
  const suffix = unit === 'depth' && unitOf(kind) ? ` ${unitOf(kind)}` : unit === 'degrees' ? '°' : ''
  const [shown, bound] = limitFigures(held)
  const says = stated.endsWith('%') ? ` (${stated} of the golden's mean)` : ''
  if (better === 'higher') return `${name} ${shown} is below its limit of ${bound}`
  if (better === 'one') return `${name} ${shown} is further from 1 than ${bound}`
  return `${name} ${shown}${suffix} is ${Number.isFinite(used) ? times(used) : 'beyond'} its limit of ${bound}${suffix}${says}`
}

function closest(limits: LimitResult[]): string {
  const nearest = limits.reduce<LimitResult | undefined>((a, b) => (a && a.used >= b.used ? a : b), undefined)
  return `within tolerance; nearest its limit: ${nearest!.name} at ${figure(nearest!.used * 100)} %`
}

function rangeText(range: Range | undefined): string {
  const { min, max } = range ?? {}
  if (min === undefined && max === undefined) return 'the range above 0'
  return `[${min ?? 0}, ${max ?? '∞'}]`
}

function shapeReason(golden: readonly number[], actual: readonly number[]): string {
  const [height, width] = golden
  const hint =
    height !== width && actual.length === 2 && actual[0] === width && actual[1] === height
      ? '; it is transposed'
      : actual.length > 2 && actual.at(-2) === height && actual.at(-1) === width
        ? `; it ${surplusAxes(actual)}`
        : '; an engine at another size is another network: do not resize, export at the size of the goldens'
  return `the engine gave ${formatShape(actual)}, the golden is ${formatShape(golden)}${hint}`
}

/** Without a limit anything would pass. */
function unlimited(comparison: Comparison): IncomparableVerdict {
  return incomparable(
    comparison,
    'no-limit',
    'no limit is set, so anything would pass. Set one, or leave the defaults on',
  )
}

function incomparable(
  { output, kind }: Comparison,
  cause: IncomparableVerdict['cause'],
  reason: string,
): IncomparableVerdict {
  return { type: 'incomparable', output, kind, pass: false, cause, reason }
}
