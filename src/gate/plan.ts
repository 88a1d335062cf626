import { DepthgateError, messageOf } from '../base/errors.ts'
import { chosenNames } from '../base/options.ts'
import { plural } from '../base/plural.ts'
import type { Precision } from '../engines/engine.ts'
import { strayFiles } from '../golden/store.ts'
import { enginesOf, findModel, type LoadedConfig, type Model, precisionsOf, sceneNames } from './config.ts'
import { checkTruth } from './quality.ts'
import { type CaseName, caseText, type RunFilter } from './run-record.ts'

/** One comparison that the gate will make. */
export interface Case {
  model: Model
  scene: string
  precision: Precision
  /** The engine's name in the config. */
  engine: string
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

/** A case without its model's insides, for records and names. */
export function nameOf({ model, scene, precision, engine }: Case): CaseName {
  return { model: model.name, scene, precision, engine }
}

/** What a gate will run: models × engines × precisions × scenes. A filter that matches nothing is an error. */
export function planGate(config: LoadedConfig, filter: RunFilter = {}): Plan {
  const plan: Plan = { cases: [], broken: [], remarks: [] }
  const known = { engines: new Set<string>(), precisions: new Set<string>(), scenes: new Set<string>() }
  for (const name of chosenNames(Object.keys(config.config.models), filter.models, '--model', 'gate')) {
    try {
      const model = findModel(config, name)
      checkTruth(model)
      const strays = strayFiles(model.golden)
      if (strays.length > 0)
        plan.remarks.push(
          `${model.golden.folder}: not named by its manifest, and not read: ${strays.join(', ')}. A crash may have left them; remove them if nobody needs them`,
        )
      for (const item of casesOf(model)) {
        known.engines.add(item.engine)
        known.precisions.add(item.precision)
        known.scenes.add(item.scene)
        plan.cases.push(item)
      }
    } catch (thrown) {
      plan.broken.push({ model: name, error: messageOf(thrown) })
    }
  }
  const all = plan.cases
  plan.cases = all.filter(
    item =>
      (!filter.engines || filter.engines.includes(item.engine)) &&
      (!filter.precisions || filter.precisions.includes(item.precision)) &&
      (!filter.scenes || filter.scenes.includes(item.scene)),
  )
  // of a model that could not be planned nobody knows what it has
  if (plan.broken.length === 0) {
    chosenNames([...known.engines], filter.engines, '--engine', 'gate')
    chosenNames([...known.precisions], filter.precisions, '--precision', 'gate')
    chosenNames([...known.scenes], filter.scenes, '--scene', 'gate')
    if (plan.cases.length === 0)
      throw new DepthgateError(
        'gate',
        `${config.file}: the filters leave no comparison. A gate that compares nothing does not pass`,
      )
  }
  if (filter.grep !== undefined) plan.cases = matching(plan.cases, filter.grep)
  return plan
}

function casesOf(model: Model): Case[] {
  return enginesOf(model).flatMap(engine =>
    precisionsOf(model, engine).flatMap(precision =>
      sceneNames(model).map(scene => ({ model, scene, precision, engine })),
    ),
  )
}

function matching(cases: readonly Case[], grep: string): Case[] {
  let pattern: RegExp
  try {
    // names are composed; what a person types or pastes may not be
    pattern = new RegExp(grep.normalize('NFC'))
  } catch (cause) {
    throw new DepthgateError('gate', `--grep ${grep}: is no regular expression (${messageOf(cause)})`, {
      cause,
    })
  }
  const found = cases.filter(item => pattern.test(caseText(nameOf(item))))
  if (found.length > 0) return found
  const example = cases[0] ? ` such as ${caseText(nameOf(cases[0]))}` : ''
  throw new DepthgateError(
    'gate',
    `--grep ${grep}: matches none of ${plural(cases.length, 'comparison')}. It is held against model/scene/precision/engine,${example}`,
  )
}
