import { plural } from '../base/plural.ts'
import { figure, times } from '../gate/figure.ts'
import { limitFigures } from '../gate/limit-figures.ts'
import { type CaseRecord, passes, type RunRecord, runOutcome } from '../gate/run-record.ts'
import type { FovVerdict, LimitResult, MapVerdict, OutputVerdict } from '../gate/verdict.ts'
import { unitOf } from '../golden/kinds.ts'
import { catalogue } from '../metrics/index.ts'
import { changeText } from './baseline-text.ts'

export type Status = 'pass' | 'fail' | 'broken' | 'skipped'

export function statusOf(record: CaseRecord): Status {
  if (record.type !== 'judged') return record.type
  return passes(record) ? 'pass' : 'fail'
}

export const statuses: readonly Status[] = ['fail', 'broken', 'pass', 'skipped']
export const statusSign: Record<Status, string> = { pass: '✓', fail: '✗', broken: '!', skipped: '–' }

/** `model/scene` */
export function sceneText({ model, scene }: CaseRecord): string {
  return `${model}/${scene}`
}

/** `fp16 on cpu` */
export function variantText({ precision, engine }: CaseRecord): string {
  return `${precision} on ${engine}`
}

/** Why a case is what it is, in one line. */
export function reasonOf(record: CaseRecord): string {
  if (record.type === 'broken') return record.error.split('\n')[0]!
  if (record.type === 'skipped') return record.reason
  const { verdict, baseline } = record
  if (!verdict.pass || baseline.type !== 'regressed') return verdict.reason
  return `within tolerance, but worse than its baseline: ${baseline.changes.map(changeText).join('; ')}`
}

export interface Nearest {
  output: string
  /** Share of the limit that is used; infinite where something cannot be compared or is not finite. */
  used: number
  text: string
}

/** The limit that is used most, over all outputs of a case. */
export function nearestLimit(record: CaseRecord): Nearest | undefined {
  if (record.type !== 'judged') return undefined
  let nearest: Nearest | undefined
  for (const output of record.verdict.outputs) {
    const found = nearestOf(output)
    if (found && (!nearest || found.used > nearest.used)) nearest = found
  }
  return nearest
}

function nearestOf(output: OutputVerdict): Nearest | undefined {
  const name = output.output
  if (output.type === 'incomparable')
    return { output: name, used: Number.POSITIVE_INFINITY, text: `${name} not compared` }
  if (!allFinite(output)) return { output: name, used: Number.POSITIVE_INFINITY, text: `${name} not finite` }
  const limit = output.limits.reduce<LimitResult | undefined>(
    (a, b) => (a && a.used >= b.used ? a : b),
    undefined,
  )
  return limit && { output: name, used: limit.used, text: `${name} ${limit.name} ${usedText(limit.used)}` }
}

/** Whether what the engine gave holds no NaN and no infinity. */
export function allFinite(output: MapVerdict | FovVerdict): boolean {
  return output.type === 'map' ? output.counts.actualNonFinite === 0 : Number.isFinite(output.actual)
}

/** "12 %" of a limit, or "2.4×" beyond it. */
export function usedText(used: number): string {
  if (Number.isNaN(used)) return 'no figure'
  if (used > 1) return rounded(used, 3) > 1 ? `${figure(rounded(used, 3))}×` : times(used)
  return `${figure(rounded(used * 100, 2))} %`
}

function rounded(value: number, digits: number): number {
  return Number(value.toPrecision(digits))
}

/** A figure with its unit, as the metric's own. */
export function valueText(text: string, name: keyof typeof catalogue, kind: MapVerdict['kind']): string {
  const { unit } = catalogue[name]
  if (unit === 'depth' && unitOf(kind)) return `${text} ${unitOf(kind)}`
  return unit === 'degrees' ? `${text}°` : text
}

/** "≤ 0.1 m", "≥ 0.99", "1 ± 0.001", with the share of the golden's mean where the limit is one. */
export function boundText(held: LimitResult, kind: MapVerdict['kind']): string {
  const { name, stated } = held
  const { better } = catalogue[name]
  const sign = better === 'one' ? '1 ±' : better === 'higher' ? '≥' : '≤'
  return `${sign} ${valueText(limitFigures(held)[1], name, kind)}${stated.endsWith('%') ? ` (${stated})` : ''}`
}

/** Percent of a relative error, with its sign. */
export function signedPercent(relative: number): string {
  if (!Number.isFinite(relative)) return 'not finite'
  return `${relative > 0 ? '+' : relative < 0 ? '−' : ''}${figure(Math.abs(relative) * 100)} %`
}

export type Tally = Record<Status, number>

export function tally(cases: readonly CaseRecord[]): Tally {
  const counts: Tally = { pass: 0, fail: 0, broken: 0, skipped: 0 }
  for (const record of cases) counts[statusOf(record)]++
  return counts
}

export interface Headline {
  outcome: ReturnType<typeof runOutcome>
  /** PASS, FAIL, BROKEN or PARTIAL */
  word: string
  /** "3 of 28 cases fail" */
  text: string
}

/** What a run comes to, in a few words. */
export function headline(run: RunRecord): Headline {
  const outcome = runOutcome(run)
  const counts = tally(run.cases)
  const { length } = run.cases
  const weak = run.quality.filter(({ pass }) => !pass).length
  const told = [
    counts.fail > 0 && `${counts.fail} of ${plural(length, 'case')} ${counts.fail === 1 ? 'fails' : 'fail'}`,
    counts.broken + run.broken.length > 0 && `${counts.broken + run.broken.length} could not be compared`,
    weak > 0 && `task quality is not kept in ${weak}`,
    outcome === 'partial' && `${run.plan.length - length} of ${run.plan.length} were never run`,
    counts.skipped > 0 && `${counts.skipped} skipped`,
  ].filter(text => text !== false)
  const text =
    outcome === 'passed'
      ? [`${counts.pass === 1 ? 'the case passes' : `all ${counts.pass} cases pass`}`, ...told].join(', ')
      : told.join(', ') || 'nothing was compared'
  const word = { passed: 'PASS', failed: 'FAIL', broken: 'BROKEN', partial: 'PARTIAL' }[outcome]
  return { outcome, word, text: text[0]!.toUpperCase() + text.slice(1) }
}

/** How long a run took, in seconds. */
export function secondsOf({ header }: RunRecord): number {
  return Math.max(0, (Date.parse(header.ended) - Date.parse(header.started)) / 1000)
}

export function durationText(seconds: number): string {
  if (seconds < 60) return `${figure(rounded(seconds, 2))} s`
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
}

/** Failures first, then by how much of a limit they use; equal ones keep their order. */
export function byUrgency<Case extends CaseRecord>(cases: readonly Case[]): Case[] {
  const used = (record: CaseRecord) => nearestLimit(record)?.used ?? 0
  const rank = (record: CaseRecord) => statuses.indexOf(statusOf(record))
  return [...cases].sort((a, b) => rank(a) - rank(b) || compare(used(b), used(a)))
}

/** Infinity − Infinity is no order. */
function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}
