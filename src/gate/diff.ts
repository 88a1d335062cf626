import { defaultMargins, lossOf, type Margins, marginAt, marginFor } from './loss.ts'
import {
  type CaseName,
  type CaseRecord,
  caseText,
  passes,
  type QualitySummary,
  type RunRecord,
} from './run-record.ts'
import type { LimitName } from './tolerance.ts'
import type { LimitResult } from './verdict.ts'

/** What became of a case, in one word. */
export type Outcome = 'passed' | 'failed' | 'broken' | 'skipped'

export interface OutcomeChange extends CaseName {
  before: Outcome
  after: Outcome
  /** Of the side that does not pass. */
  reason: string
}

export interface MetricChange extends CaseName {
  output: string
  metric: LimitName
  before: number
  after: number
  /** How many margins the loss moved: above 1 or below −1; positive is worse. */
  moved: number
}

/** A field of the fingerprint that differs, once for a variant and not once a scene. */
export interface FingerprintChange {
  model: string
  precision: string
  engine: string
  field: string
  before: string
  after: string
}

/** A limit that differs: figures that pass now may have failed before. */
export interface LimitChange {
  model: string
  precision: string
  engine: string
  output: string
  metric: LimitName
  before: string
  after: string
}

export interface QualityChange extends Pick<QualitySummary, 'model' | 'precision' | 'engine' | 'output'> {
  before: number
  after: number
}

/** What changed between two runs, beyond noise. */
export interface RunDiff {
  added: CaseName[]
  removed: CaseName[]
  outcomes: OutcomeChange[]
  /** The largest movement first. */
  metrics: MetricChange[]
  fingerprints: FingerprintChange[]
  limits: LimitChange[]
  /** Tiers of task quality that changed. */
  quality: QualityChange[]
}

export function isEmpty(diff: RunDiff): boolean {
  return Object.values(diff).every(list => list.length === 0)
}

/** Compares two runs case by case; metrics that moved within the margin of their engine are noise. Pure. */
export function diffRuns(before: RunRecord, after: RunRecord, margins: Margins = defaultMargins): RunDiff {
  const [old, now] = [byName(before), byName(after)]
  const pairs = [...now].flatMap(([name, record]) => {
    const earlier = old.get(name)
    return earlier ? [[earlier, record] as const] : []
  })
  return {
    added: [...now.values()].filter(record => !old.has(caseText(record))).map(nameOf),
    removed: [...old.values()].filter(record => !now.has(caseText(record))).map(nameOf),
    outcomes: pairs.flatMap(([a, b]) => outcomeChange(a, b)),
    metrics: pairs
      .flatMap(([a, b]) => metricChanges(a, b, margins))
      .sort((a, b) => Math.abs(b.moved) - Math.abs(a.moved)),
    fingerprints: once(pairs.flatMap(([a, b]) => fingerprintChanges(a, b))),
    limits: once(pairs.flatMap(([a, b]) => limitChanges(a, b))),
    quality: qualityChanges(before.quality, after.quality),
  }
}

function byName({ cases }: RunRecord): Map<string, CaseRecord> {
  return new Map(cases.map(record => [caseText(record), record]))
}

function nameOf({ model, scene, precision, engine }: CaseName): CaseName {
  return { model, scene, precision, engine }
}

function outcomeOf(record: CaseRecord): Outcome {
  return record.type !== 'judged' ? record.type : passes(record) ? 'passed' : 'failed'
}

function outcomeChange(a: CaseRecord, b: CaseRecord): OutcomeChange[] {
  const [before, after] = [outcomeOf(a), outcomeOf(b)]
  if (before === after) return []
  return [{ ...nameOf(b), before, after, reason: reasonOf(after === 'passed' ? a : b) }]
}

function reasonOf(record: CaseRecord): string {
  if (record.type === 'broken') return record.error.split('\n')[0]!
  if (record.type === 'skipped') return record.reason
  return record.verdict.pass ? 'worse than its baseline' : record.verdict.reason
}

interface HeldLimit {
  output: string
  limit: LimitResult
}

function limitsOf(record: CaseRecord): HeldLimit[] {
  if (record.type !== 'judged') return []
  return record.verdict.outputs.flatMap(output =>
    output.type === 'incomparable' ? [] : output.limits.map(limit => ({ output: output.output, limit })),
  )
}

/** The limits that both sides hold, in pairs. */
function limitPairs(a: CaseRecord, b: CaseRecord) {
  const old = new Map(limitsOf(a).map(({ output, limit }) => [`${output} ${limit.name}`, limit]))
  return limitsOf(b).flatMap(({ output, limit }) => {
    const before = old.get(`${output} ${limit.name}`)
    return before ? [{ output, before, after: limit }] : []
  })
}

function metricChanges(a: CaseRecord, b: CaseRecord, margins: Margins): MetricChange[] {
  const margin = marginFor(margins, b.type === 'judged' ? b.verdict.fingerprint : undefined)
  return limitPairs(a, b).flatMap(({ output, before, after }) => {
    const name = after.name
    const [was, is] = [lossOf(name, before.value), lossOf(name, after.value)]
    const noise = marginAt(name, before.value, after.limit, margin)
    // a figure that is not a number moved, however far; two of them did not
    const same = Object.is(was, is) || Math.abs(is - was) <= noise
    const moved = Number.isNaN(is - was) ? Number.POSITIVE_INFINITY : (is - was) / noise
    return same
      ? []
      : [{ ...nameOf(b), output, metric: name, before: before.value, after: after.value, moved }]
  })
}

function fingerprintChanges(a: CaseRecord, b: CaseRecord): FingerprintChange[] {
  if (a.type !== 'judged' || b.type !== 'judged') return []
  const [old, now]: Record<string, unknown>[] = [{ ...a.verdict.fingerprint }, { ...b.verdict.fingerprint }]
  const text = (value: unknown) =>
    value === undefined ? 'nothing' : typeof value === 'string' ? value : JSON.stringify(value)
  const { model, precision, engine } = b
  return [...new Set([...Object.keys(old!), ...Object.keys(now!)])]
    .filter(field => text(old![field]) !== text(now![field]))
    .map(field => ({
      model,
      precision,
      engine,
      field,
      before: text(old![field]),
      after: text(now![field]),
    }))
}

function limitChanges(a: CaseRecord, b: CaseRecord): LimitChange[] {
  const { model, precision, engine } = b
  return limitPairs(a, b)
    .filter(({ before, after }) => before.stated !== after.stated)
    .map(({ output, before, after }) => ({
      model,
      precision,
      engine,
      output,
      metric: after.name,
      before: before.stated,
      after: after.stated,
    }))
}

function qualityChanges(
  before: readonly QualitySummary[],
  after: readonly QualitySummary[],
): QualityChange[] {
  return after.flatMap(({ model, precision, engine, output, tier }) => {
    const old = before.find(
      other =>
        other.model === model &&
        other.precision === precision &&
        other.engine === engine &&
        other.output === output,
    )
    return old && old.tier !== tier
      ? [{ model, precision, engine, output, before: old.tier, after: tier }]
      : []
  })
}

function once<T>(items: readonly T[]): T[] {
  return [...new Map(items.map(item => [JSON.stringify(item), item])).values()]
}
