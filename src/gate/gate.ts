import { DepthgateError, messageOf } from '../base/errors.ts'
import { releaseEngines } from '../engines/pool.ts'
import { laneOf } from '../engines/settings.ts'
import type { Truth } from '../golden/store.ts'
import { attribute } from './attribute.ts'
import { type HeldBaseline, heldBaseline } from './baseline-update.ts'
import type { LoadedConfig } from './config.ts'
import { engineNamed, mayBeSkipped } from './engines.ts'
import { inferModel } from './infer.ts'
import type { Comparison } from './judge.ts'
import { judgeInference, refuseUnjudged } from './judge-scene.ts'
import { inLanes } from './lanes.ts'
import { type Case, nameOf } from './plan.ts'
import { planRecord } from './plan-record.ts'
import { qualityOf } from './quality.ts'
import type { BrokenRecord, JudgedRecord, SkippedRecord } from './run-record.ts'

/** A judged case with the maps that it was made from; they are let go when the next case begins. */
export interface JudgedRun {
  case: Case
  record: JudgedRecord
  baseline: HeldBaseline
  comparisons: Comparison[]
  outputs: Readonly<Record<string, Truth>>
}

/** What became of a case: judged, broken by an error that is not about depth, or left out. */
export type CaseRun = JudgedRun | { case: Case; record: BrokenRecord | SkippedRecord }

export function isJudged(run: CaseRun): run is JudgedRun {
  return run.record.type === 'judged'
}

export interface GateOptions {
  /** Run the corners of every case, not only of those that fail. */
  attributeAll?: boolean
  /** Lanes at once; in a lane, such as one GPU or the CPU, one thing runs at a time. */
  jobs?: number
  signal?: AbortSignal
}

/** Runs the cases. The memory of one scene a lane is enough for any number of them. */
export async function* runGate(
  config: LoadedConfig,
  cases: readonly Case[],
  { attributeAll = false, jobs = 1, signal }: GateOptions = {},
): AsyncGenerator<CaseRun> {
  try {
    yield* inLanes(cases, laneOfCase, jobs, item => runCase(config, item, attributeAll), signal)
  } finally {
    // an engine that is still at work cannot be released; the process ends soon
    if (!signal?.aborted) await releaseEngines()
  }
}

/** What a case keeps busy: the CPU, of which ONNX Runtime uses every core by itself, or one GPU. */
function laneOfCase({ model, engine }: Case): string {
  return laneOf(engineNamed(model, engine).settings)
}

async function runCase(config: LoadedConfig, item: Case, attributeAll: boolean): Promise<CaseRun> {
  const { model, scene, precision, engine } = item
  const name = nameOf(item)
  try {
    const inference = await inferModel(model, { scene, precision, engine })
    const { verdict, comparisons } = judgeInference(model, inference)
    refuseUnjudged(model, verdict)
    if (!verdict.pass || attributeAll) {
      const attribution = await attribute(model, inference, verdict)
      if (attribution) verdict.attribution = attribution
    }
    const baseline = heldBaseline(config, model, verdict)
    const quality = qualityOf(model, scene, inference.outputs)
    const plan = planRecord(inference)
    const record: JudgedRecord = {
      type: 'judged',
      ...name,
      milliseconds: inference.milliseconds,
      verdict,
      baseline: baseline.outcome,
      ...(plan && { plan }),
      ...(quality && { quality: [quality] }),
    }
    return { case: item, record, baseline, comparisons, outputs: inference.outputs }
  } catch (thrown) {
    // one case never ends the gate; what is no DepthgateError is a fault of depthgate's own, and its stack is needed
    if (mayBeSkipped(model, engine, thrown))
      return { case: item, record: { type: 'skipped', ...name, reason: messageOf(thrown) } }
    const error =
      thrown instanceof DepthgateError
        ? thrown.message
        : `depthgate itself failed: ${(thrown as Error).stack ?? thrown}`
    return { case: item, record: { type: 'broken', ...name, error } }
  }
}
