import colors from 'picocolors'
import type { SceneBaseline } from '../gate/baseline-file.ts'
import { figure } from '../gate/figure.ts'
import { limitFigures } from '../gate/limit-figures.ts'
import { type PendingEntry, type PendingKind, pendingId } from '../gate/pending.ts'
import { catalogue } from '../metrics/index.ts'
import { changeText } from './baseline-text.ts'
import { attributionText, fail, fromHere, pass } from './phrase.ts'
import { table } from './table.ts'

const kindText: Record<PendingKind, string> = {
  new: 'no baseline yet',
  improved: 'better than its baseline',
  regressed: 'worse than its baseline',
  failed: 'breaks its tolerance: not to be accepted',
}

/** One line an entry: its id, why it waits, and the first figure. */
export function pendingTable(entries: readonly PendingEntry[]): string[] {
  return table(
    entries.map(entry => [
      entry.kind === 'failed' || entry.kind === 'regressed' ? fail() : pass(),
      pendingId(entry),
      kindText[entry.kind],
      headline(entry),
    ]),
    ['left', 'left', 'left', 'left'],
  )
}

function headline({ baseline, verdict }: PendingEntry): string {
  return baseline.type === 'improved' || baseline.type === 'regressed'
    ? changeText(baseline.changes[0]!)
    : verdict.pass
      ? ''
      : verdict.reason
}

/** Everything that is known of one entry: metrics old and new with their limits, the cause, the pictures. */
export function reviewText(entry: PendingEntry, before: SceneBaseline | undefined, place: string): string {
  const { environment, verdict, pictures, kind } = entry
  const { precision, arithmetic, engine, engineVersion, provider, fusion, device } = environment
  const head = `${entry.model}/${entry.scene} at ${precision}: ${kindText[kind]}`
  const accepted = before?.accepted
  return [
    `${colors.bold(head)}  ${colors.dim(place)}`,
    colors.dim(
      `${engine} ${engineVersion}, ${provider}, fusion ${fusion}${arithmetic === 'emulated' ? `, ${precision} emulated` : ''}, ${device}`,
    ),
    ...(accepted
      ? [
          colors.dim(
            `accepted ${accepted.date.slice(0, 10)} by ${accepted.by}${accepted.reason ? `: ${accepted.reason}` : ''}`,
          ),
        ]
      : []),
    '',
    ...figures(entry, before),
    ...(kind === 'failed' ? ['', ...attributionText(verdict)] : []),
    ...verdict.notes.map(note => colors.dim(`note: ${note}`)),
    ...Object.values(pictures).map(picture => `picture: ${fromHere(picture)}`),
  ].join('\n')
}

function figures({ verdict, baseline }: PendingEntry, before: SceneBaseline | undefined): string[] {
  const changed = new Set(
    baseline.type === 'improved' || baseline.type === 'regressed'
      ? baseline.changes.map(({ output, metric }) => `${output} ${metric}`)
      : [],
  )
  const rows = verdict.outputs.flatMap(output =>
    output.type === 'incomparable'
      ? [[fail(), output.output, '', '', output.reason]]
      : output.limits.map(limit => {
          const old = before?.outputs[output.output]?.[limit.name]
          const name = `${output.output} ${limit.name}`
          const { better } = catalogue[limit.name]
          const [now, most] = limitFigures(limit)
          const bound = better === 'one' ? '1 ±' : better === 'higher' ? '≥' : '≤'
          return [
            limit.pass ? (changed.has(name) ? colors.yellow('≠') : ' ') : fail(),
            changed.has(name) ? colors.bold(name) : name,
            old === undefined ? '–' : figure(old),
            now,
            `${bound} ${most}`,
          ]
        }),
  )
  const head = ['', 'metric', 'accepted', 'now', 'limit'].map(colors.dim)
  return table([head, ...rows], ['left', 'left', 'right', 'right', 'left'])
}
