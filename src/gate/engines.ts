import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { lookedUp } from '../base/program.ts'
import type { Precision } from '../engines/engine.ts'
import { pytorchNames } from '../engines/pytorch/session.ts'
import type { EngineSettings, TensorrtSettings } from '../engines/settings.ts'
import type { Model } from './config.ts'
import type { Config, ModelConfig } from './define-config.ts'

/** The engines that a model is run on, by name, with absolute paths: those it names, else all of the config. */
export function enginesFor(
  { engines = {} }: Config,
  model: ModelConfig,
  root: string,
  where: string,
): ReadonlyMap<string, EngineSettings> {
  const known: Record<string, EngineSettings> = { cpu: { engine: 'onnxruntime' }, ...engines }
  const declared = Object.keys(engines)
  const taken = declared.find(name => Object.values<string>(pytorchNames).includes(name))
  if (taken !== undefined)
    throw new DepthgateError(
      'config',
      `${where}: an engine cannot be called ${JSON.stringify(taken)}: so \`depthgate bench\` calls the PyTorch network itself. Give it another name`,
    )
  return new Map(
    (model.engines ?? (declared.length > 0 ? declared : ['cpu'])).map(name => {
      const found = Object.hasOwn(known, name) ? known[name] : undefined
      if (!found)
        throw new DepthgateError(
          'config',
          `${where}: there is no engine ${JSON.stringify(name)}${didYouMean(name, Object.keys(known))} Declare it under \`engines\``,
        )
      return [name, settled(found, root, `${where}: engine ${name}`)]
    }),
  )
}

/** An engine of a model by its name; without one the first. */
export function engineNamed(
  { name: model, engines, file }: Model,
  name: string | undefined,
): { name: string; settings: EngineSettings } {
  const chosen = name ?? [...engines.keys()][0]!
  const settings = engines.get(chosen)
  if (settings) return { name: chosen, settings }
  throw new DepthgateError(
    'config',
    `${file}: model ${model} is not run on an engine ${JSON.stringify(chosen)}${didYouMean(chosen, [...engines.keys()])}`,
  )
}

/** Whether an optional engine cannot work on this machine: no GPU, no TensorRT, no such program. */
export function mayBeSkipped(model: Model, engine: string, thrown: unknown): boolean {
  const missing = thrown instanceof DepthgateError && thrown.code === 'engine-missing'
  return missing && engineNamed(model, engine).settings.optional === true
}

/** Settings with paths made absolute, and what the schema cannot say checked. */
function settled(settings: EngineSettings, root: string, where: string): EngineSettings {
  // the command stays as the config has it: so messages show it
  if (settings.engine === 'command') return { ...settings, cwd: resolve(root, settings.cwd ?? '.') }
  if (settings.engine !== 'tensorrt') return settings
  if (settings.fp32Layers && settings.typing !== 'weak')
    throw new DepthgateError(
      'config',
      `${where}: \`fp32Layers\` belongs to typing: 'weak'. Under strong typing keep nodes in the recipe of the precision`,
    )
  const { python, timingCache } = settings
  return {
    ...settings,
    ...(python !== undefined && { python: lookedUp(python, root) }),
    ...(typeof timingCache === 'string' && { timingCache: resolve(root, timingCache) }),
    ...(settings.plan !== undefined && plans(settings, settings.plan, root, where)),
  }
}

/** Prebuilt plans by precision, and the precisions that there are plans of. */
function plans(
  { precisions }: TensorrtSettings,
  plan: NonNullable<TensorrtSettings['plan']>,
  root: string,
  where: string,
): Pick<TensorrtSettings, 'plan' | 'precisions'> {
  if (typeof plan === 'string') {
    if (precisions?.length !== 1)
      throw new DepthgateError(
        'config',
        `${where}: one plan holds one precision. Say which: \`precisions: ['fp16']\`, or name the plans as \`plan: { fp16: '…' }\``,
      )
    return { plan: { [precisions[0]!]: resolve(root, plan) } }
  }
  const entries = Object.entries(plan).map(([precision, path]) => [precision, resolve(root, path)] as const)
  return {
    plan: Object.fromEntries(entries),
    precisions: precisions ?? entries.map(([precision]) => precision as Precision),
  }
}
