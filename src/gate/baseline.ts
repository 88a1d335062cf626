import type { Accepted, BaselineMetric } from './baseline-file.ts'

/** One metric beside the figure that was accepted last. */
export interface BaselineChange {
  output: string
  metric: BaselineMetric
  accepted: number
  value: number
  /** How far the loss may rise above the accepted one, in the metric's own unit. */
  margin: number
}

/**
 * What the baseline says of a case. `none`: there is none for this fingerprint, or it lacks a metric that has a limit, so
 * the tolerance alone judged. `unjudged`: the tolerance failed already. `unchanged`: every metric within its margin, so
 * nothing is to be written. `improved`: none is worse, one is better by more than its margin. `regressed`: one is worse by
 * more than its margin.
 */
export type BaselineOutcome =
  | { type: 'none'; key: string; missing: string[] }
  | { type: 'unjudged'; key: string }
  | { type: 'unchanged'; key: string; accepted: Accepted }
  | { type: 'improved' | 'regressed'; key: string; accepted: Accepted; changes: BaselineChange[] }
