import { precisions } from '../engines/engine.ts'
import type { CaseRecord, RunRecord } from '../gate/run-record.ts'
import { markdown, markdownBlock } from './escape.ts'
import { recordText } from './record-text.ts'
import {
  byUrgency,
  durationText,
  headline,
  nearestLimit,
  reasonOf,
  sceneText,
  secondsOf,
  statuses,
  statusOf,
  tally,
  variantText,
} from './words.ts'

/** GitHub takes 1 MiB a step and throws away all of a summary that is larger; room is left for other writers. */
export const summaryLimit = 900_000

/** A summary for people in GitHub's Markdown, never longer than `limit` bytes of UTF-8: what is left out is told. */
export function markdownSummary(run: RunRecord, limit = summaryLimit): string {
  const { word, text } = headline(run)
  const { header } = run
  const head = [
    `## ${word}: ${markdown(text)}`,
    '',
    `depthgate ${markdown(header.depthgate)}, ${durationText(secondsOf(run))}, ${markdown(header.host.cpu)}, run \`${header.id.replaceAll('`', '')}\``,
    '',
    ...matrix(run.cases),
    '',
  ]
  const failing = byUrgency(run.cases).filter(record => ['fail', 'broken'].includes(statusOf(record)))
  const blocks = [
    ...run.broken.map(
      ({ model, error }) => `**${markdown(model)}** could not be compared\n\n${markdownBlock(error)}\n`,
    ),
    ...failing.map(detail),
    ...(run.remarks.length > 0
      ? [`${run.remarks.map(remark => `- note: ${markdown(remark)}`).join('\n')}\n`]
      : []),
  ]
  return fitted(head.join('\n'), blocks, limit)
}

function matrix(cases: readonly CaseRecord[]): string[] {
  const engines = [...new Set(cases.map(({ engine }) => engine))]
  if (engines.length === 0) return []
  const rows = precisions
    .filter(precision => cases.some(record => record.precision === precision))
    .map(precision => {
      const cells = engines.map(engine =>
        cell(cases.filter(record => record.precision === precision && record.engine === engine)),
      )
      return `| **${precision}** | ${cells.join(' | ')} |`
    })
  return [`| | ${engines.map(markdown).join(' | ')} |`, `|---|${'---|'.repeat(engines.length)}`, ...rows]
}

function cell(cases: readonly CaseRecord[]): string {
  const [worst] = byUrgency(cases)
  if (!worst) return '–'
  const counts = tally(cases)
  const told = statuses.filter(status => counts[status] > 0).map(status => `${counts[status]} ${status}`)
  const nearest = nearestLimit(worst)
  return `${told.join(', ')}<br>worst: ${markdown(sceneText(worst))}${nearest ? `, ${markdown(nearest.text)}` : ''}`
}

function detail(record: CaseRecord): string {
  const text = record.type === 'judged' ? recordText(record) : reasonOf(record)
  const cause =
    record.type === 'judged' && record.verdict.attribution && !record.verdict.pass
      ? `, cause: ${markdown(record.verdict.attribution.cause)}`
      : ''
  const full = record.type === 'broken' ? record.error : text
  return `<details><summary><b>${markdown(sceneText(record))}</b> ${markdown(variantText(record))}: ${markdown(reasonOf(record))}${cause}</summary>

${markdownBlock(full)}

</details>
`
}

/** As many whole blocks as fit. */
function fitted(head: string, blocks: readonly string[], limit: number): string {
  const more = (left: number) => `\n… and ${left} more; the HTML report has all of them.\n`
  let text = head
  let size = Buffer.byteLength(head)
  for (const [i, block] of blocks.entries()) {
    const length = Buffer.byteLength(block) + 1
    if (size + length + more(blocks.length).length + 8 > limit) return text + more(blocks.length - i)
    text += `\n${block}`
    size += length
  }
  return text
}
