import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createJiti } from 'jiti'
import { cacheFolder } from '../base/cache.ts'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import { didYouMean, thereAre } from '../base/names.ts'
import { checkRealm } from '../base/realm.ts'
import { validated } from '../base/validate.ts'
import type { Precision } from '../engines/engine.ts'
import type { EngineSettings } from '../engines/settings.ts'
import { isFov } from '../golden/kinds.ts'
import type { Manifest } from '../golden/manifest.ts'
import { type Golden, openGolden } from '../golden/store.ts'
import { configSchema } from './config-schema.ts'
import type { Config, ModelConfig } from './define-config.ts'
import { enginesFor } from './engines.ts'
import { judgedOutputs } from './judged.ts'
import { appliesTo, type LimitName } from './tolerance.ts'

/** The names that a config may have. */
export const configFileNames = ['ts', 'mts', 'js', 'mjs', 'cjs', 'json'].map(
  extension => `depthgate.config.${extension}`,
)

/** A checked config with the folder that its paths are relative to. */
export interface LoadedConfig {
  readonly file: string
  readonly root: string
  /** Where what can be made anew is kept. */
  readonly cache: string
  readonly config: Config
}

/** A model of the config with its paths resolved and its goldens opened. */
export interface Model {
  readonly name: string
  readonly config: ModelConfig
  readonly golden: Golden
  /** The golden's outputs that are judged. */
  readonly judged: Manifest['outputs']
  /** The engines that it is run on, by name, in the order of the config. */
  readonly engines: ReadonlyMap<string, EngineSettings>
  /** Where this model is declared; errors name it. */
  readonly file: string
  readonly root: string
  /** Where variants, plans and what was tried are kept. */
  readonly cache: string
}

const loaded = new Map<string, LoadedConfig>()

/**
 * Loads the config: `file`, else DEPTHGATE_CONFIG, else the first depthgate.config.* from the working folder upwards.
 * Synchronous, because `scenes()` is called while tests are collected. Loaded once a process.
 */
export function loadConfig(file: string | undefined = process.env.DEPTHGATE_CONFIG): LoadedConfig {
  checkRealm()
  const path = file === undefined ? findConfig(process.cwd()) : resolve(file)
  let config = loaded.get(path)
  if (!config) {
    const root = dirname(path)
    const own = validated<Config>(configSchema, evaluate(path), path, 'config')
    config = { file: path, root, cache: cacheFolder(root, own.cache), config: own }
    refuseEmptyRanges(config)
    loaded.set(path, config)
  }
  return config
}

/** A range whose ends are swapped, or one, would count no pixel. */
function refuseEmptyRanges({ file, config }: LoadedConfig): void {
  for (const [name, { outputs = {}, truth }] of Object.entries(config.models)) {
    const ranges = [
      ...Object.entries(outputs).map(([output, { range }]) => [`output ${output}`, range] as const),
      ['truth', truth?.range] as const,
    ]
    for (const [where, { min = 0, max = Number.POSITIVE_INFINITY } = {}] of ranges)
      if (min >= max)
        throw new DepthgateError(
          'config',
          `${file}: model ${name}, ${where}: range from ${min} to ${max}: \`min\` must lie below \`max\``,
        )
  }
}

function findConfig(from: string): string {
  const [found, other] = nearestConfigs(resolve(from))
  if (other !== undefined)
    throw new DepthgateError('config', `${found} and ${other}: two configs in one folder. Keep one`)
  if (found === undefined)
    throw new DepthgateError(
      'config',
      `${resolve(from)}: no depthgate.config.ts here or in a folder above. Write one that names your models, or point to it with --config or DEPTHGATE_CONFIG`,
    )
  return found
}

/** The configs of the nearest folder that has any of these names, upwards; none where none has. */
export function nearestConfigs(folder: string, names: readonly string[] = configFileNames): string[] {
  const found = names.map(name => join(folder, name)).filter(path => existsSync(path))
  const above = dirname(folder)
  return found.length > 0 || above === folder ? found : nearestConfigs(above, names)
}

function evaluate(path: string): unknown {
  if (!existsSync(path)) throw new DepthgateError('config', `${path}: there is no such file`)
  if (path.endsWith('.json')) return parseJson(readFileSync(path, 'utf8'), path, 'config')
  // the config of a project that has depthgate by another path, or is depthgate, still finds defineConfig
  const define = fileURLToPath(new URL(`define-config${import.meta.url.slice(-3)}`, import.meta.url))
  const jiti = createJiti(import.meta.url, {
    alias: { 'depthgate/config': define },
    interopDefault: true,
    moduleCache: false,
    fsCache: false,
  })
  try {
    const module = jiti(path) as { default?: unknown }
    return module.default ?? module
  } catch (cause) {
    throw new DepthgateError('config', `${path}: threw while it was loaded: ${messageOf(cause)}`, { cause })
  }
}

/** Where the goldens of a model lie. */
export function goldenFolder(root: string, name: string, { golden }: ModelConfig): string {
  return resolve(root, golden ?? join('golden', name))
}

const models = new Map<string, Model>()

/** Every model of a config. */
export function modelsOf(config: LoadedConfig): Model[] {
  return Object.keys(config.config.models).map(name => findModel(config, name))
}

/** A model by its name, its goldens opened once a process. */
export function findModel({ file, root, cache, config }: LoadedConfig, name: string): Model {
  const key = `${file}\n${name}`
  let model = models.get(key)
  if (!model) {
    const found = Object.hasOwn(config.models, name) ? config.models[name] : undefined
    if (!found)
      throw new DepthgateError(
        'config',
        `${file}: has no model ${JSON.stringify(name)}${didYouMean(name, Object.keys(config.models))}`,
      )
    const golden = openGolden(goldenFolder(root, name, found))
    for (const output of Object.keys(found.outputs ?? {}))
      if (!Object.hasOwn(golden.manifest.outputs, output))
        throw new DepthgateError(
          'config',
          `${file}: model ${name} sets limits for the output ${JSON.stringify(output)}, which its golden does not have${thereAre(output, Object.keys(golden.manifest.outputs))}`,
        )
    refuseIdleKeys(found, golden, `${file}: model ${name}`)
    const judged = judgedOutputs(golden.manifest.outputs, found)
    if (Object.keys(judged).length === 0)
      throw new DepthgateError(
        'config',
        `${file}: model ${name}: \`ignoreOutputs\` leaves no output of its golden to judge. Take one out: ${found.ignoreOutputs?.join(', ')}`,
      )
    const engines = enginesFor(config, found, root, `${file}: model ${name}`)
    for (const engine of Object.keys(found.budget?.engines ?? {}))
      if (!engines.has(engine))
        throw new DepthgateError(
          'config',
          `${file}: model ${name} sets a budget for the engine ${JSON.stringify(engine)}, which it is not run on${didYouMean(engine, [...engines.keys()])}`,
        )
    model = { name, config: found, golden, judged, engines, file, root, cache }
    models.set(key, model)
  }
  return model
}

/** Keys that would be read by nobody: limits and ranges of the other kind of output, ONNX names of derived ones. */
function refuseIdleKeys(config: ModelConfig, { manifest }: Golden, where: string): void {
  for (const [output, { onnx, range, tolerance }] of Object.entries(config.outputs ?? {})) {
    const { kind, derived } = manifest.outputs[output]!
    if (range && isFov(kind))
      throw new DepthgateError('config', `${where}: output ${output} is a field of view, which has no range`)
    if (onnx !== undefined && derived)
      throw new DepthgateError(
        'config',
        `${where}: output ${output} is derived outside the network, so no ONNX output gives it. Remove \`onnx\` there`,
      )
    for (const [precision, limits] of Object.entries(tolerance ?? {}))
      for (const name of Object.keys(limits ?? {}))
        if (!appliesTo(name as LimitName, kind))
          throw new DepthgateError(
            'config',
            `${where}: output ${output}, ${precision}: ${name} is no limit of ${isFov(kind) ? 'a field of view; fovErrorDeg is' : 'a map'}`,
          )
  }
}

/** The model's scenes, in the order of their names. A golden without scenes is an error: it would compare nothing. */
export function sceneNames({ golden }: Model): string[] {
  const names = Object.keys(golden.manifest.scenes).sort()
  if (names.length > 0) return names
  throw new DepthgateError(
    'golden',
    `${join(golden.folder, 'manifest.json')}: holds no scene, so nothing would be compared. Capture or import one`,
  )
}

/** The ONNX files that a config names, by precision; a single path is the FP32 model. */
export function onnxByPrecision({ onnx }: ModelConfig): { [precision in Precision]?: string } {
  return typeof onnx === 'string' ? { fp32: onnx } : onnx
}

/** The engines that the gate runs a model on, by name. */
export function enginesOf({ engines }: Model): string[] {
  return [...engines.keys()]
}

/** The precisions that the gate runs for a model, on one of its engines. */
export function precisionsOf({ config, engines }: Model, engine?: string): Precision[] {
  const all = config.precisions ?? (Object.keys(onnxByPrecision(config)) as Precision[])
  const some = engine === undefined ? undefined : engines.get(engine)?.precisions
  return some ? all.filter(precision => some.includes(precision)) : all
}
