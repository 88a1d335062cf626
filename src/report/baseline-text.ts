import colors from 'picocolors'
import type { BaselineChange, BaselineOutcome } from '../gate/baseline.ts'
import { apart, figure } from '../gate/figure.ts'
import { table } from './table.ts'

/** What a baseline says, where there is something to say beyond "within its margin". */
export function baselineText(outcome: BaselineOutcome): string[] {
  if (outcome.type !== 'regressed' && outcome.type !== 'improved') return []
  const { accepted, changes, type } = outcome
  const when = `accepted ${accepted.date.slice(0, 10)} by ${accepted.by}${accepted.reason ? `: ${accepted.reason}` : ''}`
  const head =
    type === 'regressed'
      ? `${colors.bold('worse than its baseline')}, though within the tolerance (${when})`
      : `better than its baseline, worth accepting (${when})`
  const way =
    type === 'regressed'
      ? 'if that is meant: npx depthgate review, or vitest -u'
      : 'to keep it: npx depthgate review, or vitest -u'
  return [head, ...table(changes.map(changeCells), ['left', 'right', 'left', 'right', 'left']), way]
}

/** "depth absRel 0.0012 → 0.0031" */
export function changeText({ output, metric, accepted, value }: BaselineChange): string {
  return `${output} ${metric} ${apart(accepted, value).join(' → ')}`
}

function changeCells({ output, metric, accepted, value, margin }: BaselineChange): string[] {
  const [before, now] = apart(accepted, value)
  return [`  ${output} ${metric}`, before, '→', now, colors.dim(`margin ${figure(margin)}`)]
}
