import type { CaseRecord, JudgedRecord } from '../gate/run-record.ts'

/** One variant of one model: how long an inference takes and how far its depth is from the golden. */
export interface SpeedPoint {
  label: string
  /** Median over the scenes. */
  milliseconds: number
  /** Mean over the scenes, of the first map. */
  error: number
  unit: 'absRel'
  pass: boolean
}

/**
 * Points by model, where at least two variants have a time and an error. What is emulated is left out: its time says
 * nothing of kernels that compute in the format.
 */
export function speedPoints(cases: readonly CaseRecord[]): Map<string, SpeedPoint[]> {
  const variants = new Map<string, Map<string, JudgedRecord[]>>()
  for (const record of cases) {
    if (record.type !== 'judged' || record.verdict.fingerprint?.arithmetic !== 'native') continue
    const label = `${record.precision} ${record.engine}`
    const model = variants.get(record.model) ?? new Map<string, JudgedRecord[]>()
    variants.set(record.model, model.set(label, [...(model.get(label) ?? []), record]))
  }
  const points = new Map<string, SpeedPoint[]>()
  for (const [model, labels] of variants) {
    const found = [...labels].flatMap(([label, records]) => pointOf(label, records) ?? [])
    if (found.length > 1) points.set(model, found)
  }
  return points
}

function pointOf(label: string, records: readonly JudgedRecord[]): SpeedPoint | undefined {
  const times = records.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  const errors = records.flatMap(({ verdict }) => {
    const map = verdict.outputs.find(({ type }) => type === 'map')
    return map?.type === 'map' ? map.metrics.absRel : []
  })
  const milliseconds = times[Math.floor(times.length / 2)] ?? Number.NaN
  const error = errors.reduce((a, b) => a + b, 0) / errors.length
  // a logarithmic axis has no place for what is not above 0
  if (!(milliseconds > 0 && error > 0 && Number.isFinite(error))) return undefined
  const pass = records.every(({ verdict }) => verdict.pass)
  return { label, milliseconds, error, unit: 'absRel', pass }
}

/** The points that no other beats in time and in error, fastest first. */
export function paretoFront<P extends Pick<SpeedPoint, 'milliseconds' | 'error'>>(points: readonly P[]): P[] {
  const front: P[] = []
  for (const point of [...points].sort((a, b) => a.milliseconds - b.milliseconds || a.error - b.error))
    if (point.error < (front.at(-1)?.error ?? Number.POSITIVE_INFINITY)) front.push(point)
  return front
}
