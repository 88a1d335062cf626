import colors from 'picocolors'
import { isEmpty, type RunDiff } from '../gate/diff.ts'
import { apart, figure } from '../gate/figure.ts'
import { caseText } from '../gate/run-record.ts'
import { fail, fromHere, pass } from './phrase.ts'
import { table } from './table.ts'

/** Rows of a long list that are printed; `--json` has all. */
const most = 20

/** What changed between two runs, part by part; parts without a change are left out. */
export function diffText(diff: RunDiff): string[] {
  if (isEmpty(diff)) return ['nothing changed beyond noise']
  const { added, removed, outcomes, metrics, fingerprints, limits, quality } = diff
  const variant = (item: { model: string; precision: string; engine: string }) =>
    `${item.model} ${item.precision} ${item.engine}`
  return [
    ...part(
      'verdicts',
      outcomes.map(item => [
        item.after === 'passed' ? pass() : fail(),
        caseText(item),
        `${item.before} → ${item.after}`,
        fromHere(item.reason),
      ]),
    ),
    ...part(
      'metrics, the largest movement first',
      metrics.map(({ output, metric, before, after, moved, ...name }) => [
        moved > 0 ? fail() : pass(),
        caseText(name),
        `${output} ${metric}`,
        apart(before, after).join(' → '),
        `${moved > 0 ? 'worse' : 'better'} by ${figure(Math.abs(moved))}× the margin`,
      ]),
    ),
    ...part(
      'task quality',
      quality.map(item => [
        item.after < item.before ? fail() : pass(),
        `${variant(item)} ${item.output}`,
        `${tierText(item.before)} → ${tierText(item.after)}`,
      ]),
    ),
    ...part(
      'fingerprints',
      fingerprints.map(item => [
        ' ',
        variant(item),
        item.field,
        `${short(item.before)} → ${short(item.after)}`,
      ]),
    ),
    ...part(
      'limits',
      limits.map(item => [
        ' ',
        variant(item),
        `${item.output} ${item.metric}`,
        `${item.before} → ${item.after}`,
      ]),
    ),
    ...part(
      'cases that are new',
      added.map(name => ['+', caseText(name)]),
    ),
    ...part(
      'cases that are gone',
      removed.map(name => ['-', caseText(name)]),
    ),
  ].slice(0, -1)
}

function part(title: string, rows: string[][]): string[] {
  if (rows.length === 0) return []
  const more = rows.length > most ? [colors.dim(`and ${rows.length - most} more; --json lists all`)] : []
  const align = rows[0]!.map(() => 'left' as const)
  return [colors.bold(title), ...table(rows.slice(0, most), align), ...more, '']
}

function tierText(tier: number): string {
  return tier > 0 ? `keeps ${tier * 100} %` : 'keeps less than 99 %'
}

/** A hash in a width that a line holds. */
function short(text: string): string {
  return /^[0-9a-f]{64}$/.test(text) ? `${text.slice(0, 12)}…` : text
}
