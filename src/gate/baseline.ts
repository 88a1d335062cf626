import type { Accepted, BaselineFigures, BaselineMetric, SceneBaseline } from './baseline-file.ts'
import { lossOf, type Margin, marginAt } from './loss.ts'
import type { LimitResult, Verdict } from './verdict.ts'

/** One metric beside the figure that was accepted last. */
export interface BaselineChange {
  output: string
  metric: BaselineMetric
  accepted: number
  value: number
  /** How far the loss may move from the accepted one, in the metric's own unit. */
  margin: number
}

/**
 * What the baseline says of a case. `none`: there is none for this fingerprint, or it lacks a metric that has a limit, or it is
 * `stale`, of another golden or other pixels, so the tolerance alone judged. `unjudged`: the tolerance failed already. `unchanged`: every metric within its margin, so
 * nothing is to be written. `improved`: none is worse, one is better by more than its margin. `regressed`: one is worse by
 * more than its margin.
 */
export type BaselineOutcome =
  | { type: 'none'; key: string; missing: string[]; stale?: true }
  | { type: 'unjudged'; key: string }
  | { type: 'unchanged'; key: string; accepted: Accepted }
  | { type: 'improved' | 'regressed'; key: string; accepted: Accepted; changes: BaselineChange[] }

/** Holds a verdict against the figures accepted last. All that is decided about a baseline is decided here. Pure. */
export function holdBaseline(
  key: string,
  verdict: Pick<Verdict, 'pass' | 'outputs'>,
  baseline: SceneBaseline | undefined,
  margin: Margin,
  pixels?: string,
): BaselineOutcome {
  if (!verdict.pass) return { type: 'unjudged', key }
  const held = heldMetrics(verdict)
  const nameOf = ({ output, limit }: Held) => `${output} ${limit.name}`
  const none: BaselineOutcome = { type: 'none', key, missing: held.map(nameOf) }
  if (!baseline) return none
  if (isStale(baseline, pixels)) return { ...none, stale: true }

  const { accepted } = baseline
  const missing: string[] = []
  const worse: BaselineChange[] = []
  const better: BaselineChange[] = []
  for (const item of held) {
    const before = baseline.outputs[item.output]?.[item.limit.name]
    if (before === undefined) missing.push(nameOf(item))
    else {
      const { change, rise } = compare(item, before, margin)
      if (rise > change.margin) worse.push(change)
      else if (-rise > change.margin) better.push(change)
    }
  }
  if (worse.length > 0) return { type: 'regressed', key, accepted, changes: worse }
  if (better.length > 0) return { type: 'improved', key, accepted, changes: better }
  return missing.length > 0 ? { type: 'none', key, missing } : { type: 'unchanged', key, accepted }
}

/**
 * The figures to keep when a verdict is accepted: new ones where they moved by more than their margin or are missing,
 * else those accepted before, so that many small steps never add up unseen. Pure.
 */
export function acceptedFigures(
  verdict: Pick<Verdict, 'outputs'>,
  before: BaselineFigures | undefined,
  margin: Margin,
): BaselineFigures {
  const figures: BaselineFigures = {}
  for (const item of heldMetrics(verdict)) {
    const { output, limit } = item
    const old = before?.[output]?.[limit.name]
    const moved =
      old === undefined ||
      Math.abs(compare(item, old, margin).rise) > compare(item, old, margin).change.margin
    figures[output] = { ...figures[output], [limit.name]: moved ? rounded(limit.value) : old }
  }
  return figures
}

/** Whether a baseline is known to be of another golden, or of other pixels. Pure. */
export function isStale(baseline: SceneBaseline | undefined, pixels: string | undefined): boolean {
  return baseline?.pixels !== undefined && pixels !== undefined && baseline.pixels !== pixels
}

interface Held {
  output: string
  limit: LimitResult
}

function heldMetrics({ outputs }: Pick<Verdict, 'outputs'>): Held[] {
  return outputs.flatMap(output =>
    output.type === 'incomparable' ? [] : output.limits.map(limit => ({ output: output.output, limit })),
  )
}

/** How much the loss rose over the accepted one, and how much it may. */
function compare({ output, limit }: Held, accepted: number, margin: Margin) {
  const { name, value } = limit
  const most = marginAt(name, accepted, limit.limit, margin)
  const change: BaselineChange = { output, metric: name, accepted, value, margin: most }
  return { change, rise: lossOf(name, value) - lossOf(name, accepted) }
}

/** Nine digits tell any two float32 apart, and make shorter lines than seventeen. */
function rounded(value: number): number {
  return Number(value.toPrecision(9))
}
