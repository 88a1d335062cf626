import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import { type CaseRecord, caseText, type JudgedRecord, type RunRecord } from '../gate/run-record.ts'
import { baselineText } from './baseline-text.ts'
import { baselineSummary, gateSummary } from './gate-text.ts'
import { chooseFull, headlines } from './headlines.ts'
import { attributionText, type Evidence, fromHere, verdictText } from './phrase.ts'
import { planTable } from './plan-words.ts'
import { qualityTable } from './quality-text.ts'

interface Details {
  evidence?: ReadonlyMap<CaseRecord, Readonly<Record<string, Evidence>>>
  /** Every case in full, also its corners where it passes. */
  full?: boolean
  /** Columns of the terminal. */
  width?: number
  /** How a person sees in full what is told by its headline alone. */
  more?: string
}

/** What a reader of a run must see beside its table: failures, what is broken, what is worth accepting. */
export function runDetails({ cases, broken }: RunRecord, options: Details = {}): string[] {
  const { evidence, full: everything = false, width = Number.POSITIVE_INFINITY, more } = options
  const judged = cases.filter((record): record is JudgedRecord => record.type === 'judged')
  const told = judged.filter(({ verdict, baseline }) => !verdict.pass || moved.has(baseline.type))
  const { full, brief } = everything ? { full: judged, brief: [] } : chooseFull(told)
  const details = full.flatMap(record => bodyOf(record, evidence?.get(record), everything))
  if (brief.length > 0)
    details.push(
      ...headlines(told, width),
      `${full.length} of these ${plural(told.length, 'case')} ${full.length === 1 ? 'is' : 'are'} told in full above. ${more ? `All of them: ${more}` : ''}`.trimEnd(),
    )
  // a model that cannot be loaded is told once, not once a scene
  const breaks = new Map<string, string[]>(broken.map(({ model, error }) => [error, [model]]))
  for (const record of cases)
    if (record.type === 'broken')
      breaks.set(record.error, [...(breaks.get(record.error) ?? []), caseText(record)])
  for (const [error, names] of breaks) details.push(`${colors.red('broken')}: ${listed(names)}\n${error}`)
  const skips = new Map<string, string[]>()
  for (const record of cases)
    if (record.type === 'skipped')
      skips.set(record.reason, [...(skips.get(record.reason) ?? []), caseText(record)])
  for (const [reason, names] of skips)
    details.push(`${colors.yellow('skipped')}: ${listed(names)}\n${reason}`)
  const plans = planTable(cases)
  if (plans.length > 0) details.push(plans.join('\n'))
  const notes = new Set(
    judged
      .filter(record => record.verdict.pass || brief.includes(record))
      .flatMap(({ verdict }) => verdict.notes),
  )
  if (notes.size > 0) details.push([...notes].map(note => `note: ${note}`).join('\n'))
  return details.map(fromHere)
}

const moved: ReadonlySet<JudgedRecord['baseline']['type']> = new Set(['regressed', 'improved'])

function bodyOf(
  record: JudgedRecord,
  evidence: Readonly<Record<string, Evidence>> | undefined,
  corners: boolean,
): string[] {
  const { verdict, baseline } = record
  if (!verdict.pass) return [verdictText(verdict, evidence)]
  const text = [...baselineText(baseline), ...(corners ? attributionText(verdict) : [])]
  return text.length > 0 ? [[colors.bold(caseText(record)), ...text].join('\n')] : []
}

/** The last lines: task quality, obsolete files, baselines, and what it all comes to. */
export function runEnd(run: RunRecord): string[] {
  const quality = qualityTable(run.quality)
  const obsolete = run.obsolete.map(
    ({ path, scene, why }) => `  ${path}${scene === undefined ? '' : `, scene ${scene}`}: ${why}`,
  )
  return [
    ...quality,
    ...(quality.length > 0 ? [''] : []),
    ...(obsolete.length > 0
      ? [
          `obsolete, by ${run.header.config ?? 'the config'} alone (npx depthgate prune removes it; other configs`,
          'of this project may need it: give each with prune --config FILE):',
          ...obsolete,
          '',
        ]
      : []),
    ...baselineSummary(run),
    gateSummary(run),
  ]
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ')
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown
}
