import colors from 'picocolors'
import { type BudgetFinding, type BudgetName, type BudgetVerdict, bytesOf } from '../gate/budget.ts'
import { figure, times } from '../gate/figure.ts'
import type { Timed } from '../gate/time.ts'
import { bestTiming } from '../gate/times.ts'
import { fail, pass } from './phrase.ts'
import { table } from './table.ts'

/** "median 50 ms is 1.25× its limit of 40 ms" */
export function findingText(found: BudgetFinding): string {
  const { name, limit } = found
  const bound = valueText(found, limit)
  if (found.type === 'not judged') {
    const figure = found.value === undefined ? '' : ` ${valueText(found, found.value)}`
    return `${name}${figure} is not judged against its limit of ${bound}: ${found.reason}`
  }
  const witness = found.type === 'kept' ? 'p99 keeps it' : 'the fastest breaks it'
  const doubt = found.doubts.length > 0 ? `; not steady, but ${witness} too` : ''
  return `${name} ${valueText(found, found.value)} ${relation(found)}${bound}${doubt}`
}

function relation({ name, type, value, limit }: BudgetFinding & { value: number }): string {
  if (type === 'kept') return 'keeps its limit of '
  return name === 'speedup' ? 'is below its limit of ' : `is ${times(value / limit)} its limit of `
}

/** The whole verdict, so that a person knows what to do next. */
export function budgetText(timed: Timed, { outcome, findings }: BudgetVerdict): string {
  const { model, precision, engine, fingerprint } = timed
  const says = {
    kept: 'keeps its budget',
    broken: 'breaks its budget',
    'not judged': 'cannot be held to its budget',
  }
  const sign = { kept: pass, broken: fail, 'not judged': () => colors.yellow('?') }
  const rows = findings.map(found => [
    sign[found.type](),
    found.name,
    found.value === undefined ? '' : valueText(found, found.value),
    `${found.name === 'speedup' ? '≥' : '≤'} ${valueText(found, found.limit)}`,
    shareText(found),
  ])
  return [
    [
      colors.bold(`${model} at ${precision} on ${engine} ${says[outcome]}`),
      colors.dim(
        `${fingerprint.engine} ${fingerprint.engineVersion}, ${fingerprint.provider}, ${fingerprint.device}`,
      ),
    ],
    table(rows, ['left', 'left', 'right', 'left', 'left']),
    [timesText(timed), ...(timed.pytorch ? [`PyTorch FP32: ${timesText(timed.pytorch)}`] : [])],
  ]
    .map(block => block.join('\n'))
    .join('\n\n')
}

function shareText(found: BudgetFinding): string {
  if (found.type === 'not judged') return `not judged: ${found.reason}`
  const share = found.value / found.limit
  const used =
    found.type === 'kept' || found.name === 'speedup'
      ? colors.dim(`${figure(share * 100)} % of it`)
      : `${times(share)} the limit`
  return found.doubts.length > 0 ? `${used}, though not steady: ${found.doubts.join('; ')}` : used
}

/** "10 inferences as one CUDA graph: fastest 1.1 ms, median 1.2 ms, p95 1.3 ms, p99 1.4 ms" */
function timesText(times: Pick<Timed, 'plain' | 'graph'>): string {
  const best = bestTiming(times)
  const { count, min, median, p95, p99 } = best
  const how = best === times.graph ? ', as one CUDA graph' : ''
  const figures = Object.entries({ fastest: min, median, p95, p99 }).map(
    ([name, value]) => `${name} ${figure(value)} ms`,
  )
  return `${count} inferences${how}: ${figures.join(', ')}`
}

/** With its unit; memory in the unit that the limit is stated in. */
function valueText({ name, stated }: { name: BudgetName; stated: string }, value: number): string {
  if (name === 'speedup') return `${figure(value)}×`
  if (name !== 'deviceMemory') return `${figure(value)} ms`
  const [, unit = ''] = stated.split(' ')
  return `${figure(value / bytesOf[unit]!)} ${unit}`
}
