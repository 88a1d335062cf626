import { inCi, mayWrite } from '../base/ci.ts'
import { plural } from '../base/plural.ts'
import type { BaselineOutcome } from '../gate/baseline.ts'
import { heldBaseline, type Settled, settleBaseline, type UpdateMode } from '../gate/baseline-update.ts'
import type { LoadedConfig, Model } from '../gate/config.ts'
import type { Verdict } from '../gate/verdict.ts'
import { baselineText } from '../report/baseline-text.ts'

interface Counter {
  increment(testId: string): void
}

/** The part of Vitest's matcher state that says what `--update` asks for, and that counts for its summary. */
export interface BaselineState {
  snapshotState?: {
    snapshotUpdateState?: UpdateMode
    // public for jest-image-snapshot's sake, and not documented: a Vitest without them counts nothing
    added?: Counter
    matched?: Counter
    unmatched?: Counter
    updated?: Counter
  }
  task?: { id: string }
}

/** Baselines that tests of this file found bettered; told once at its end. */
let improved = 0

/**
 * Holds a verdict against its baseline and does what Vitest's `--update` asks for: `new` (the default) writes one that is
 * missing, `all` (`-u`) also one that moved, `none` nothing. In CI nothing is written, whatever is asked. A plain array has
 * no fingerprint and so no baseline.
 */
export function matchBaseline(
  state: BaselineState,
  config: LoadedConfig,
  model: Model,
  verdict: Verdict,
  pictures: Readonly<Record<string, string>>,
): { pass: boolean; text: string[]; outcome?: BaselineOutcome } {
  if (!verdict.fingerprint) return { pass: true, text: [] }
  const asked = state.snapshotState?.snapshotUpdateState ?? 'none'
  const held = heldBaseline(config, model, verdict)
  const settled = settleBaseline(config, model, verdict, held, mayWrite() ? asked : 'none', pictures)
  count(state, settled, held.outcome.type)
  const written = settled.action.type === 'write'
  return {
    pass: held.outcome.type !== 'regressed' || written,
    // for reports: what was just written is what holds
    outcome: written ? heldBaseline(config, model, verdict).outcome : held.outcome,
    text: [
      ...baselineText(held.outcome),
      ...(asked === 'all' && !written && inCi()
        ? ['CI is set, so --update wrote nothing. If it is meant: DEPTHGATE_WRITE_IN_CI=1']
        : []),
    ],
  }
}

/** Vitest's own line of snapshots counts the baselines that were written, updated, kept and missed. */
function count({ snapshotState, task }: BaselineState, { action }: Settled, outcome: string): void {
  const test = task?.id ?? ''
  if (action.type === 'write') snapshotState?.[action.how]?.increment(test)
  else if (outcome === 'regressed') snapshotState?.unmatched?.increment(test)
  else if (outcome === 'unchanged' || outcome === 'improved') snapshotState?.matched?.increment(test)
  if (outcome === 'improved' && action.type === 'ask') improved++
}

/** A line for the end of a test file where something is worth accepting; a passing test has no other way to say it. */
export function tellImproved(): void {
  if (improved > 0)
    console.info(
      `depthgate: ${plural(improved, 'case is', 'cases are')} better than the baseline; to keep that: npx depthgate review, or vitest -u`,
    )
  improved = 0
}
