import { type BenchRow, bestTiming, type MeasuredRow } from './bench.ts'

/** Rows that may be compared with one another: one model, on one device. */
export interface BenchGroup {
  model: string
  device: string
  rows: BenchRow[]
  /** Rows that no other beats in both time and error. */
  front: MeasuredRow[]
  /** The fastest that keeps the tolerance, if any does. */
  recommended?: MeasuredRow
  /** Faster than that, and why each is not it. */
  rejected: { row: MeasuredRow; reason: string }[]
}

/** Groups rows so that figures of different devices never stand in one column. Pure. */
export function groupRows(rows: readonly BenchRow[]): BenchGroup[] {
  const groups = new Map<string, BenchGroup>()
  const measured = rows.filter(row => row.type === 'measured')
  for (const row of measured) {
    const { device } = row.fingerprint
    const key = JSON.stringify([row.model, device])
    const group = groups.get(key) ?? { model: row.model, device, rows: [], front: [], rejected: [] }
    group.rows.push(row)
    groups.set(key, group)
  }
  for (const row of rows) {
    if (row.type !== 'broken') continue
    // what never ran has no device: it stands with the first group of its model
    const home = [...groups.values()].find(({ model }) => model === row.model)
    if (home) home.rows.push(row)
    else
      groups.set(JSON.stringify([row.model]), {
        ...{ model: row.model, device: 'nothing ran', rows: [row], front: [], rejected: [] },
      })
  }
  return [...groups.values()].map(group => ({ ...group, ...choose(group.rows) }))
}

function choose(rows: readonly BenchRow[]): Pick<BenchGroup, 'front' | 'recommended' | 'rejected'> {
  const measured = rows.filter(row => row.type === 'measured')
  const byTime = measured.toSorted((a, b) => bestTiming(a).median - bestTiming(b).median)
  const front = byTime.filter(
    (row, i) => !byTime.slice(0, i).some(faster => faster.accuracy.absRel <= row.accuracy.absRel),
  )
  // PyTorch is what is left behind, not a candidate
  const candidates = byTime.filter(({ engine }) => !engine.startsWith('pytorch'))
  const place = candidates.findIndex(({ accuracy }) => accuracy.failing.length === 0)
  const rejected = candidates.slice(0, place === -1 ? undefined : place).map(row => ({
    row,
    reason: `${row.accuracy.failing.length} of ${row.accuracy.scenes} scenes fail; ${row.accuracy.failing[0]!.scene}: ${row.accuracy.failing[0]!.reason}`,
  }))
  const recommended = candidates[place]
  return { front, rejected, ...(recommended && { recommended }) }
}
