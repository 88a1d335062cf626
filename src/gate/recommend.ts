import { plural } from '../base/plural.ts'
import { pytorchNames } from '../engines/pytorch/session.ts'
import type { BenchRow, MeasuredRow } from './bench.ts'
import { budgetFor, judgeBudget, type ModelBudget, unmeasuredBudget } from './budget.ts'
import { bestTiming } from './times.ts'

/** Rows that may be compared with one another: one model, on one device. */
export interface BenchGroup {
  model: string
  device: string
  rows: BenchRow[]
  /** Rows that no other beats in both time and error. */
  front: MeasuredRow[]
  /** The fastest that keeps the tolerance and breaks no budget, if any does. */
  recommended?: MeasuredRow
  /** Of several that might be recommended those whose time was not steady: another run may choose another. */
  unsteady: MeasuredRow[]
  /** Faster than that, and why each is not it. */
  rejected: { row: MeasuredRow; reason: string }[]
}

/** Before anything is chosen. */
const nothing = { front: [], unsteady: [], rejected: [] }

/** Groups rows so that figures of different devices never stand in one column. Pure. */
export function groupRows(rows: readonly BenchRow[]): BenchGroup[] {
  const groups = new Map<string, BenchGroup>()
  const measured = rows.filter(row => row.type === 'measured')
  for (const row of measured) {
    const { device } = row.fingerprint
    const key = JSON.stringify([row.model, device])
    const group = groups.get(key) ?? { model: row.model, device, rows: [], ...nothing }
    group.rows.push(row)
    groups.set(key, group)
  }
  for (const row of rows) {
    if (row.type === 'measured') continue
    // what never ran has no device: it stands with the first group of its model
    const home = [...groups.values()].find(({ model }) => model === row.model)
    if (home) home.rows.push(row)
    else
      groups.set(JSON.stringify([row.model]), {
        ...{ model: row.model, device: 'nothing ran', rows: [row], ...nothing },
      })
  }
  return [...groups.values()].map(group => ({ ...group, ...choose(group.rows) }))
}

/** What speed-ups are over: PyTorch in FP32. Pure. */
export function referenceOf(rows: readonly BenchRow[]): MeasuredRow | undefined {
  return rows.find(
    (row): row is MeasuredRow =>
      row.type === 'measured' && row.engine === pytorchNames.plain && row.precision === 'fp32',
  )
}

/** Rows of one model with the verdicts on their budgets. Pure. */
export function withBudgets(rows: readonly BenchRow[], config: ModelBudget | undefined): BenchRow[] {
  const reference = referenceOf(rows)
  return rows.map(row => {
    if (isPytorch(row) || row.type === 'skipped') return row
    const limits = budgetFor(config, row.precision, row.engine)
    const budget = row.type === 'broken' ? unmeasuredBudget(limits) : judgeBudget(limits, row, reference)
    return budget ? { ...row, budget } : row
  })
}

/** PyTorch is what is left behind: no candidate, and under no budget. */
function isPytorch({ engine }: BenchRow): boolean {
  return Object.values<string>(pytorchNames).includes(engine)
}

type Choice = Pick<BenchGroup, 'front' | 'recommended' | 'unsteady' | 'rejected'>

function choose(rows: readonly BenchRow[]): Choice {
  const measured = rows.filter(row => row.type === 'measured')
  const byTime = measured.toSorted((a, b) => bestTiming(a).median - bestTiming(b).median)
  const front = byTime.filter(
    (row, i) =>
      // what is not a number is beaten by nothing, and near to nothing
      !Number.isNaN(row.accuracy.absRel) &&
      !byTime.slice(0, i).some(faster => faster.accuracy.absRel <= row.accuracy.absRel),
  )
  const candidates = byTime.filter(row => !isPytorch(row))
  const passing = candidates.filter(row => refusal(row) === undefined)
  const [recommended] = passing
  // what is slower by more would not be chosen another time either
  const near = passing.filter(row => bestTiming(row).median <= 1.25 * bestTiming(recommended!).median)
  const unsteady = near.length > 1 ? near.filter(row => bestTiming(row).unstable.length > 0) : []
  const place = recommended ? candidates.indexOf(recommended) : undefined
  const rejected = candidates.slice(0, place).map(row => ({ row, reason: refusal(row)! }))
  return { front, unsteady, rejected, ...(recommended && { recommended }) }
}

/** Why a row is not to be recommended, however fast it is. */
function refusal({ accuracy: { failing, scenes }, budget }: MeasuredRow): string | undefined {
  const [first] = failing
  if (first)
    return `${failing.length} of ${plural(scenes, 'scene')} ${failing.length === 1 ? 'fails' : 'fail'}; ${first.scene}: ${first.reason}`
  const broken = budget?.findings.filter(({ type }) => type === 'broken').map(({ name }) => name) ?? []
  return broken.length > 0 ? `it breaks its budget: ${broken.join(', ')}` : undefined
}
