import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import { figure, times } from '../gate/figure.ts'
import {
  type CaseName,
  type CaseRecord,
  type JudgedRecord,
  passes,
  type RunRecord,
} from '../gate/run-record.ts'
import type { LimitResult, MapVerdict, Verdict } from '../gate/verdict.ts'
import { unitOf } from '../golden/kinds.ts'
import { changeText } from './baseline-text.ts'
import { fail, fromHere, pass } from './phrase.ts'
import { visible } from './table.ts'
import { allFinite } from './words.ts'

const columns = ['precision', 'rmse', 'absRel', 'p99Rel', 'fov err', 'run'] as const
/** Columns that a narrow terminal does without, the least missed first. */
const dispensable: readonly number[] = [4, 3, 5, 1]
const cellWidth = 10
/** What the last column needs to say something. */
const tailWidth = 24

/** Lines of one gate run, each as wide as the others, so that they can be printed one by one. */
export function gateTable(cases: readonly CaseName[], width = Number.POSITIVE_INFINITY) {
  const manyEngines = new Set(cases.map(({ engine }) => engine)).size > 1
  const shown = ({ model, scene, engine }: CaseName) => `${model}/${scene}${manyEngines ? ` ${engine}` : ''}`
  const names = Math.max(...cases.map(item => visible(shown(item))), 'scene'.length)
  const left = new Set(columns.keys())
  for (const column of dispensable)
    if (names + 5 + left.size * (cellWidth + 1) + tailWidth > width) left.delete(column)
  const line = (mark: string, name: string, cells: readonly string[], tail: string) => {
    const room = Math.max(tailWidth, width - names - 6 - left.size * (cellWidth + 1))
    const kept = cells.filter((_, column) => left.has(column))
    return `${mark} ${name}${' '.repeat(Math.max(0, names - visible(name)))}  ${kept.map(cell => cell.padStart(cellWidth)).join(' ')}   ${cut(tail, room)}`.trimEnd()
  }
  return {
    head: () => colors.dim(line(' ', 'scene', columns, 'nearest its limit')),
    row: (record: CaseRecord) => {
      const { precision } = record
      const none = [precision, '', '', '', '', '']
      if (record.type === 'broken') return line(fail(), shown(record), none, `broken: ${brief(record.error)}`)
      if (record.type === 'skipped')
        return line(colors.yellow('-'), shown(record), none, `skipped: ${brief(record.reason)}`)
      return line(
        passes(record) ? pass() : fail(),
        shown(record),
        [precision, ...figuresOf(record.verdict), `${record.milliseconds.toFixed(0)} ms`],
        tailOf(record),
      )
    },
  }
}

/** What a row has room for; the whole text stands below the table. */
function brief(reason: string): string {
  return cut(fromHere(reason.split('\n')[0]!), 80)
}

/** As much of a text as there is room for. */
export function cut(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text
}

/** How a case stands to the limit that it uses most, or to its baseline where it moved from that. */
export function tailOf({ verdict, baseline }: JudgedRecord): string {
  if (baseline.type !== 'regressed' && baseline.type !== 'improved') return nearestLimit(verdict)
  const more = baseline.changes.length > 1 ? ` and ${baseline.changes.length - 1} more` : ''
  return `${baseline.type === 'regressed' ? 'worse' : 'better'} than its baseline: ${changeText(baseline.changes[0]!)}${more}`
}

/** "11 passed, 1 failed" and the times. */
export function gateSummary(run: RunRecord): string {
  const { header, cases, plan, broken: models } = run
  const count = (test: (record: CaseRecord) => boolean) => cases.filter(test).length
  const broken = count(({ type }) => type === 'broken') + models.length
  const skipped = count(({ type }) => type === 'skipped')
  const passed = count(record => record.type === 'judged' && passes(record))
  const failed = count(record => record.type === 'judged' && !passes(record))
  const text = [
    `${passed} passed`,
    `${failed} failed`,
    ...(broken ? [`${broken} broken`] : []),
    ...(skipped ? [`${skipped} skipped`] : []),
  ].join(', ')
  const seconds = (Date.parse(header.ended) - Date.parse(header.started)) / 1000
  const inference =
    cases.reduce((sum, record) => sum + (record.type === 'judged' ? record.milliseconds : 0), 0) / 1000
  const colour = broken || failed ? colors.red : header.partial ? colors.yellow : colors.green
  const rest = colors.dim(` in ${seconds.toFixed(1)} s, ${inference.toFixed(1)} s of it inference`)
  const partial = header.partial
    ? colors.yellow(`partial: stopped after ${cases.length} of ${plural(plan.length, 'comparison')}. `)
    : ''
  return `${partial}${colour(text)}${rest}`
}

/** How many cases kept, bettered or missed their baseline, or have none; and what to do. Empty where all is as before. */
export function baselineSummary({ cases }: RunRecord): string[] {
  const count = (type: JudgedRecord['baseline']['type']) =>
    cases.filter(record => record.type === 'judged' && record.baseline.type === type).length
  const [none, improved, regressed, unchanged] = [
    count('none'),
    count('improved'),
    count('regressed'),
    count('unchanged'),
  ]
  const stale = cases.filter(
    record => record.type === 'judged' && record.baseline.type === 'none' && record.baseline.stale,
  ).length
  if (none + improved + regressed === 0) return []
  const parts = [
    ...(regressed ? [colors.red(`${regressed} worse`)] : []),
    ...(improved ? [colors.green(`${improved} better`)] : []),
    ...(unchanged ? [`${unchanged} within the margin`] : []),
    ...(none > stale ? [`${none - stale} without one, judged by tolerance alone`] : []),
    ...(stale ? [`${stale} with one of another golden or range, judged by tolerance alone`] : []),
  ]
  return [`baselines: ${parts.join(', ')}. Next: npx depthgate review, or accept --all`]
}

/** RMSE, AbsRel and p99Rel of the map that people look at first, and the error of the field of view. */
function figuresOf({ outputs }: Verdict): string[] {
  const maps = outputs.filter((output): output is MapVerdict => output.type === 'map')
  const map = maps.find(({ kind }) => kind === 'metric-depth') ?? maps[0]
  const fov = outputs.find(output => output.type === 'fov')
  const unit = map && unitOf(map.kind)
  return [
    map ? `${figure(map.metrics.rmse)}${unit && ` ${unit}`}` : '',
    map ? figure(map.metrics.absRel) : '',
    map ? figure(map.metrics.p99Rel) : '',
    fov?.type === 'fov' ? `${figure(fov.limits[0]?.value ?? Math.abs(fov.actual - fov.golden))}°` : '',
  ]
}

/** The limit that is used most, over all outputs: "depth p99Rel at 12 %". */
function nearestLimit({ outputs }: Verdict): string {
  let nearest: { output: string; limit: LimitResult } | undefined
  for (const output of outputs) {
    if (output.type === 'incomparable' || !allFinite(output)) return `${output.output}: ${output.reason}`
    for (const limit of output.limits)
      if (!nearest || limit.used > nearest.limit.used) nearest = { output: output.output, limit }
  }
  if (!nearest) return 'no limit is set'
  const { output, limit } = nearest
  const amount = limit.used > 1 ? `${times(limit.used)} the limit` : `at ${figure(limit.used * 100)} %`
  return `${output} ${limit.name} ${amount}`
}
