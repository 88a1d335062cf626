import { DepthgateError, messageOf } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import type { Precision } from '../engines/engine.ts'
import { releaseEngines } from '../engines/pool.ts'
import { strayFiles } from '../golden/store.ts'
import { attribute } from './attribute.ts'
import { enginesOf, findModel, type LoadedConfig, type Model, precisionsOf, sceneNames } from './config.ts'
import { inferModel } from './infer.ts'
import type { Comparison } from './judge.ts'
import { judgeInference } from './judge-scene.ts'
import type { Verdict } from './verdict.ts'

/** One comparison that the gate will make. */
export interface Case {
  model: Model
  precision: Precision
  scene: string
  /** The engine's name in the config. */
  engine: string
}

export interface Filter {
  engines?: readonly string[]
  models?: readonly string[]
  scenes?: readonly string[]
  precisions?: readonly string[]
}

/** What became of a case: judged, or broken by an error that is not about depth. */
export type CaseResult =
  | { type: 'judged'; case: Case; milliseconds: number; verdict: Verdict }
  | { type: 'broken'; case: Case; error: string }

/** A result with the maps that it was made from; they are let go when the next case begins. */
export interface CaseRun {
  result: CaseResult
  comparisons: Comparison[]
}

/** A model that could not even be planned, such as one whose manifest is damaged. */
export interface BrokenModel {
  model: string
  error: string
}

export interface Plan {
  cases: Case[]
  broken: BrokenModel[]
  /** Remarks about goldens, such as files that a crash left behind. */
  remarks: string[]
}

/** What a gate will run: models × precisions × scenes. A filter that matches nothing is an error. */
export function planGate(config: LoadedConfig, filter: Filter = {}): Plan {
  const plan: Plan = { cases: [], broken: [], remarks: [] }
  const names = Object.keys(config.config.models)
  const known = { engines: new Set<string>(), scenes: new Set<string>(), precisions: new Set<string>() }
  const wanted = ({ engine, precision, scene }: Case) =>
    (filter.engines?.includes(engine) ?? true) &&
    (filter.precisions?.includes(precision) ?? true) &&
    (filter.scenes?.includes(scene) ?? true)
  for (const name of chosen(names, filter.models, '--model')) {
    let model: Model
    let scenes: string[]
    try {
      model = findModel(config, name)
      scenes = sceneNames(model)
    } catch (thrown) {
      plan.broken.push({ model: name, error: messageOf(thrown) })
      continue
    }
    const stray = strayFiles(model.golden)
    if (stray.length > 0)
      plan.remarks.push(
        `${model.golden.folder}: not named by its manifest, and not read: ${stray.join(', ')}. A crash may have left them; remove them if nobody needs them`,
      )
    for (const engine of enginesOf(model)) {
      known.engines.add(engine)
      for (const precision of precisionsOf(model, engine)) {
        known.precisions.add(precision)
        for (const scene of scenes) {
          known.scenes.add(scene)
          if (wanted({ model, engine, precision, scene }))
            plan.cases.push({ model, engine, precision, scene })
        }
      }
    }
  }
  if (plan.broken.length === 0) {
    chosen([...known.engines], filter.engines, '--engine')
    chosen([...known.precisions], filter.precisions, '--precision')
    chosen([...known.scenes], filter.scenes, '--scene')
    if (plan.cases.length === 0)
      throw new DepthgateError(
        'gate',
        `${config.file}: the filters leave no comparison. A gate that compares nothing does not pass`,
      )
  }
  return plan
}

function chosen(
  known: readonly string[],
  wanted: readonly string[] | undefined,
  flag: string,
): readonly string[] {
  for (const name of wanted ?? [])
    if (!known.includes(name))
      throw new DepthgateError('gate', `${flag} ${name}: matches nothing${didYouMean(name, known)}`)
  return wanted ?? known
}

/**
 * Runs the cases one after another: the memory of one scene is enough for any number of them. A case that fails is
 * attributed, with `attributeAll` every one.
 */
export async function* runGate(cases: readonly Case[], attributeAll = false): AsyncGenerator<CaseRun> {
  try {
    for (const item of cases) yield await runCase(item, attributeAll)
  } finally {
    await releaseEngines()
  }
}

async function runCase(item: Case, attributeAll: boolean): Promise<CaseRun> {
  try {
    const inference = await inferModel(item.model, {
      scene: item.scene,
      precision: item.precision,
      engine: item.engine,
    })
    const { verdict, comparisons } = judgeInference(item.model, inference)
    if (!verdict.pass || attributeAll) {
      const attribution = await attribute(item.model, inference, verdict)
      if (attribution) verdict.attribution = attribution
    }
    return {
      result: { type: 'judged', case: item, milliseconds: inference.milliseconds, verdict },
      comparisons,
    }
  } catch (thrown) {
    // one case never ends the gate; what is no DepthgateError is a fault of depthgate's own, and its stack is needed
    const error =
      thrown instanceof DepthgateError
        ? thrown.message
        : `depthgate itself failed: ${(thrown as Error).stack ?? thrown}`
    return { result: { type: 'broken', case: item, error }, comparisons: [] }
  }
}
