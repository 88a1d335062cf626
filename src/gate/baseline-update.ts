import { messageOf } from '../base/errors.ts'
import { sha256, stableJson } from '../base/files.ts'
import { gitUser } from '../base/git-user.ts'
import type { BaselineOutcome } from './baseline.ts'
import { acceptedFigures, holdBaseline, isStale } from './baseline.ts'
import {
  type Accepted,
  baselineKey,
  baselinePath,
  changeBaseline,
  type Environment,
  environmentOf,
  readBaseline,
} from './baseline-file.ts'
import type { LoadedConfig, Model } from './config.ts'
import { defaultMargins, type Margin, marginFor } from './loss.ts'
import { type PendingKind, removePending, writePending } from './pending.ts'
import type { Verdict } from './verdict.ts'

/** What may be written: `new` only where there is no baseline, `all` also over one. As Vitest's `--update`. */
export type UpdateMode = 'all' | 'new' | 'none'

/** What is to be done about a baseline after it was held. */
export type UpdateAction =
  | { type: 'write'; how: 'added' | 'updated' }
  | { type: 'ask'; kind: PendingKind }
  | { type: 'nothing' }

/** Decides whether a baseline is written, asked about, or left alone. Pure. */
export function decideUpdate(outcome: BaselineOutcome, mode: UpdateMode): UpdateAction {
  switch (outcome.type) {
    case 'unchanged':
      return { type: 'nothing' }
    case 'unjudged':
      return { type: 'ask', kind: 'failed' }
    case 'none':
      return mode === 'none' ? { type: 'ask', kind: 'new' } : { type: 'write', how: 'added' }
    case 'improved':
    case 'regressed':
      return mode === 'all' ? { type: 'write', how: 'updated' } : { type: 'ask', kind: outcome.type }
  }
}

/** A verdict's baseline: where it lies, what it belongs to and what it says. */
export interface HeldBaseline {
  environment: Environment
  outcome: BaselineOutcome
}

/** The margin of a config in an environment. */
function marginOf({ config }: Pick<LoadedConfig, 'config'>, environment: Environment): Margin {
  return marginFor({ ...defaultMargins, ...config.baseline?.margin }, environment)
}

/** A hash of what a verdict's figures are of: the scene's golden, and how many of its pixels the ranges leave out. Pure. */
function pixelsOf({ golden }: Pick<Model, 'golden'>, { scene, outputs }: Verdict): string {
  const outside = outputs.map(verdict => [
    verdict.output,
    verdict.type === 'map' ? verdict.counts.outside : 0,
  ])
  return sha256(stableJson([golden.manifest.scenes[scene], outside])).slice(0, 12)
}

/** Reads the baseline of a verdict's fingerprint and holds the verdict against it. */
export function heldBaseline(config: LoadedConfig, model: Model, verdict: Verdict): HeldBaseline {
  const environment = environmentOf(verdict.fingerprint!, config.config.baseline?.anyCpu)
  const key = baselineKey(environment)
  const scene = readBaseline(baselinePath(model, key))?.scenes[verdict.scene]
  const margin = marginOf(config, environment)
  return { environment, outcome: holdBaseline(key, verdict, scene, margin, pixelsOf(model, verdict)) }
}

/** What was done about a baseline; `problem` where the pending entry could not be left, which changes no verdict. */
export interface Settled {
  action: UpdateAction
  problem?: string
}

/**
 * Carries out `decideUpdate`: writes the baseline, or leaves a pending entry for `depthgate review`, or removes one that
 * has settled. Goldens and limits are never touched. Throws where a baseline that was to be written cannot be.
 */
export function settleBaseline(
  config: LoadedConfig,
  model: Model,
  verdict: Verdict,
  { environment, outcome }: HeldBaseline,
  mode: UpdateMode,
  pictures: Readonly<Record<string, string>> = {},
): Settled {
  const action = decideUpdate(outcome, mode)
  const now = new Date().toISOString()
  if (action.type === 'write')
    acceptVerdict(config, model, verdict, environment, {
      by: gitUser(config.root),
      date: now,
      reason: `vitest --update=${mode}`,
    })
  try {
    if (action.type === 'ask')
      writePending(config.root, {
        schemaVersion: 1,
        kind: action.kind,
        model: model.name,
        scene: verdict.scene,
        precision: verdict.precision,
        environment,
        made: now,
        verdict,
        baseline: outcome,
        pictures: { ...pictures },
      })
    else removePending(config.root, `${model.name}/${verdict.scene}/${outcome.key}`)
    return { action }
  } catch (thrown) {
    return { action, problem: messageOf(thrown) }
  }
}

/** Makes a verdict's figures the baseline of its scene in its environment. The verdict must keep its tolerance. */
export function acceptVerdict(
  config: LoadedConfig,
  model: Model,
  verdict: Verdict,
  environment: Environment,
  accepted: Accepted,
): string {
  if (!verdict.pass) throw new Error('a verdict that fails its tolerance is never accepted')
  const path = baselinePath(model, baselineKey(environment))
  const pixels = pixelsOf(model, verdict)
  changeBaseline(path, environment, scenes => {
    const before = scenes[verdict.scene]
    const kept = isStale(before, pixels) ? undefined : before?.outputs
    const outputs = acceptedFigures(verdict, kept, marginOf(config, environment))
    return {
      ...scenes,
      [verdict.scene]: { accepted, onnx: verdict.fingerprint!.onnx, pixels, outputs },
    }
  })
  return path
}
