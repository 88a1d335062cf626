import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import { caseText, type JudgedRecord, passes } from '../gate/run-record.ts'
import { cut, tailOf } from './gate-text.ts'
import { fail, pass } from './phrase.ts'
import { table, visible } from './table.ts'
import { byUrgency } from './words.ts'

/** So many cases are told in full; of more the worst of each model and cause, and never more than these. */
const most = 3

/** Which of the cases that have something to tell are told in full, and which by a headline alone. */
export function chooseFull(told: readonly JudgedRecord[]): { full: JudgedRecord[]; brief: JudgedRecord[] } {
  if (told.length <= most) return { full: [...told], brief: [] }
  const worst = new Map<string, JudgedRecord>()
  for (const record of byUrgency(told)) {
    const key = `${record.model} ${causeOf(record)}`
    if (!worst.has(key)) worst.set(key, record)
  }
  const full = [...worst.values()].slice(0, most)
  return { full, brief: told.filter(record => !full.includes(record)) }
}

/** A line for each case, no longer than `width`, under the cause that they share; the worst first. */
export function headlines(told: readonly JudgedRecord[], width: number): string[] {
  const groups = new Map<string, JudgedRecord[]>()
  for (const record of byUrgency(told))
    groups.set(causeOf(record), [...(groups.get(causeOf(record)) ?? []), record])
  return [...groups].map(([cause, records]) => {
    const names = records.map(caseText)
    const room = Math.max(24, width - Math.max(...names.map(visible)) - 7)
    const rows = records.map((record, i) => [
      `  ${passes(record) ? pass() : fail()}`,
      names[i]!,
      cut(tailOf(record), room),
    ])
    return [
      `${colors.bold(cause)}, ${plural(records.length, 'case')}`,
      ...table(rows, ['left', 'left', 'left']),
    ].join('\n')
  })
}

/** What a case has in common with others that are told beside it. */
function causeOf({ verdict, baseline }: JudgedRecord): string {
  if (verdict.pass) return `${baseline.type === 'regressed' ? 'worse' : 'better'} than the baseline`
  if (verdict.outputs.some(({ type }) => type === 'incomparable')) return 'not compared'
  return `cause: ${verdict.attribution?.cause ?? 'not looked for'}`
}
