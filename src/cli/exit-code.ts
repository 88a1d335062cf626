import { type RunRecord, runOutcome } from '../gate/run-record.ts'

/** What the shell is told of a run. */
export function exitCodeOf(run: RunRecord): number {
  return { passed: 0, failed: 1, broken: 2, partial: 130 }[runOutcome(run)]
}
