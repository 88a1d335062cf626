import colors from 'picocolors'
import { type CaseRecord, caseText, type JudgedRecord, passes, type RunRecord } from '../gate/run-record.ts'
import { baselineText } from './baseline-text.ts'
import { baselineSummary, gateSummary } from './gate-text.ts'
import { attributionText, type Evidence, fromHere, verdictText } from './phrase.ts'
import { planTable } from './plan-words.ts'
import { qualityTable } from './quality-text.ts'

/** What a reader of a run must see beside its table: each failure in full, what is broken, what is worth accepting. */
export function runDetails(
  { cases, broken }: RunRecord,
  evidence: ReadonlyMap<CaseRecord, Readonly<Record<string, Evidence>>> = new Map(),
  attributions = false,
): string[] {
  const judged = cases.filter((record): record is JudgedRecord => record.type === 'judged')
  const details = judged.flatMap(record => {
    const { verdict, baseline } = record
    const text = baselineText(baseline)
    const head = colors.bold(caseText(record))
    if (!verdict.pass) return [verdictText(verdict, evidence.get(record))]
    if (attributions) text.push(...attributionText(verdict))
    return text.length > 0 ? [[head, ...text].join('\n')] : []
  })
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
  const notes = new Set(judged.filter(passes).flatMap(({ verdict }) => verdict.notes))
  if (notes.size > 0) details.push([...notes].map(note => `note: ${note}`).join('\n'))
  return details.map(fromHere)
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
    ...(obsolete.length > 0 ? ['obsolete (npx depthgate prune removes it):', ...obsolete, ''] : []),
    ...baselineSummary(run),
    gateSummary(run),
  ]
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ')
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown
}
