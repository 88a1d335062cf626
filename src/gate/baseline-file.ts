import type { LimitName } from './tolerance.ts'

/** Metrics that a baseline keeps: those that have limits. */
export type BaselineMetric = LimitName

/** Who accepted figures, when and why. */
export interface Accepted {
  by: string
  /** ISO 8601, UTC. */
  date: string
  reason?: string
}
