import type { LoadedConfig } from '../gate/config.ts'
import { type CaseRecord, caseText, type RunRecord } from '../gate/run-record.ts'
import { readRun, runIds, runsFolder } from '../gate/run-store.ts'
import { type Nearest, nearestLimit, type Status, statusOf } from './words.ts'

/** What a case came to in an earlier run. */
export interface PastCase {
  /** ISO 8601, UTC. */
  started: string
  status: Status
  nearest: Nearest
}

/** The runs of this config that a project keeps, before this one; what cannot be read is left out, for it is not what is reported. */
export function earlierRuns({ root }: LoadedConfig, run: RunRecord): RunRecord[] {
  return runIds(root).flatMap(id => {
    if (id >= run.header.id) return []
    try {
      const { run: earlier } = readRun(`${runsFolder(root)}/${id}`)
      // another config has other limits
      return earlier.header.config === run.header.config ? [earlier] : []
    } catch {
      return []
    }
  })
}

/** How the same case did before, oldest first. */
export function historyOf(record: CaseRecord, runs: readonly RunRecord[]): PastCase[] {
  const name = caseText(record)
  return runs.flatMap(({ header, cases }) => {
    const past = cases.find(candidate => caseText(candidate) === name)
    const nearest = past && nearestLimit(past)
    return past && nearest ? [{ started: header.started, status: statusOf(past), nearest }] : []
  })
}
