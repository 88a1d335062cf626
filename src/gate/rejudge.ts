import { DepthgateError } from '../base/errors.ts'
import { heldBaseline } from './baseline-update.ts'
import { findModel, type LoadedConfig } from './config.ts'
import { judgeInference, refuseUnjudged } from './judge-scene.ts'
import { qualityOf, summariseQuality } from './quality.ts'
import { type CaseRecord, caseText, type JudgedRecord, type RunRecord } from './run-record.ts'
import { readOutput, type SavedRun } from './run-store.ts'

/**
 * A saved run under the limits, ranges and baselines of a config as it is now: the maps are read back, no engine runs.
 * Attribution needs engines, so a case keeps what the run found, and loses it where it passes now.
 */
export function rejudge(config: LoadedConfig, { folder, run }: SavedRun): RunRecord {
  const cases = run.cases.map(record => (record.type === 'judged' ? again(config, folder, record) : record))
  return {
    ...run,
    cases,
    quality: summariseQuality(cases, model => config.config.models[model]?.truth?.keeps),
    obsolete: [],
  }
}

function again(config: LoadedConfig, folder: string, record: JudgedRecord): CaseRecord {
  const { model: name, scene, precision, engine, verdict: before, outputs: saved } = record
  try {
    if (!saved || !before.fingerprint)
      throw new DepthgateError(
        'run',
        `${folder}: holds no maps of ${caseText(record)}. Run the gate again without --no-save`,
      )
    const model = findModel(config, name)
    const outputs = Object.fromEntries(
      Object.entries(saved).map(([output, file]) => [output, readOutput(folder, file)]),
    )
    const { verdict } = judgeInference(model, {
      scene,
      precision,
      engine,
      fingerprint: before.fingerprint,
      notes: before.notes,
      outputs,
    })
    refuseUnjudged(model, verdict)
    if (!verdict.pass && before.attribution) verdict.attribution = before.attribution
    const quality = qualityOf(model, scene, outputs)
    const { quality: _, ...rest } = record
    return {
      ...rest,
      verdict,
      baseline: heldBaseline(config, model, verdict).outcome,
      ...(quality && { quality: [quality] }),
    }
  } catch (thrown) {
    if (!(thrown instanceof DepthgateError)) throw thrown
    return { type: 'broken', model: name, scene, precision, engine, error: thrown.message }
  }
}
