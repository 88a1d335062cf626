import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { followed } from '../base/files.ts'
import { providerOf } from '../engines/settings.ts'
import {
  type BaselineFile,
  baselineKey,
  baselineKeys,
  baselinePath,
  baselinesFolder,
  changeBaseline,
  type Environment,
  environmentOf,
  readBaseline,
} from './baseline-file.ts'
import { goldenFolder, type LoadedConfig, type Model, modelsOf, precisionsOf } from './config.ts'
import type { Config } from './define-config.ts'
import type { CaseRecord } from './run-record.ts'

/** A golden or a baseline that a whole run did not need. */
export interface Obsolete {
  /** Relative to the config's folder. */
  path: string
  /** Only this scene's entry of a baseline. */
  scene?: string
  why: string
}

/**
 * What the models of a config no longer need. Only a whole run may ask: under a filter everything that was left out would
 * look unneeded. A baseline of another machine is never listed, whoever needs it cannot be seen from here.
 * `records` are the cases of the run.
 */
export function findObsolete(
  { file, root, config }: LoadedConfig,
  models: readonly Model[],
  records: readonly CaseRecord[],
): Obsolete[] {
  const used = environments(config, records)
  const named = Object.entries(config.models).map(([name, model]) => goldenFolder(root, name, model))
  // a named folder may lie inside
  const holdsNamed = (folder: string) => named.some(other => whole(other).startsWith(whole(folder)))
  const goldens = [...new Set(named.map(folder => dirname(folder)))].flatMap(parent =>
    existsSync(parent)
      ? readdirSync(parent)
          .map(entry => join(parent, entry))
          .filter(folder => !holdsNamed(folder) && existsSync(join(folder, 'manifest.json')))
      : [],
  )
  const fromRoot = (path: string) => relative(root, path)
  return [
    ...goldens.map(folder => ({
      path: fromRoot(folder),
      why: `goldens of a model that ${basename(file)} does not name`,
    })),
    ...models.flatMap(model =>
      baselineKeys(model).flatMap(key => obsoleteIn(model, key, used.get(model.name) ?? [], fromRoot)),
    ),
    ...models.flatMap(model =>
      leftovers(baselinesFolder(model)).map(path => ({
        path: fromRoot(path),
        why: 'left by a write that was killed',
      })),
    ),
  ]
}

/**
 * Whether a config needs what another finds obsolete, by its absolute path: it names the model whose goldens or baselines
 * those are, and does not find them obsolete itself.
 */
export function neededBy(
  config: LoadedConfig,
  records: readonly CaseRecord[],
): (item: Pick<Obsolete, 'path' | 'scene'>) => boolean {
  const models = modelsOf(config)
  const own = findObsolete(config, models, records)
  return ({ path, scene }) =>
    models.some(
      ({ golden: { folder } }) =>
        whole(path).startsWith(whole(folder)) || whole(folder).startsWith(whole(path)),
    ) && !own.some(other => resolve(config.root, other.path) === path && other.scene === scene)
}

/** A folder by the one path that it has, however it is spelled or linked. */
function whole(folder: string): string {
  return `${followed(folder) ?? folder}${sep}`
}

/** The environments that a run's baselines belong to, by model. */
function environments(config: Config, records: readonly CaseRecord[]): Map<string, Environment[]> {
  const found = new Map<string, Environment[]>()
  for (const record of records) {
    const fingerprint = record.type === 'judged' ? record.verdict.fingerprint : undefined
    if (fingerprint)
      found.set(record.model, [
        ...(found.get(record.model) ?? []),
        environmentOf(fingerprint, config.baseline?.anyCpu),
      ])
  }
  return found
}

function obsoleteIn(
  model: Model,
  key: string,
  used: readonly Environment[],
  fromRoot: (path: string) => string,
): Obsolete[] {
  const file = baselinePath(model, key)
  const path = fromRoot(file)
  const baseline = readable(file)
  if (!baseline) return []
  const { environment, scenes } = baseline
  // of an engine or a provider that this config does not have, another config has the say: one for a GPU host, say
  const known = [...model.engines.values()].some(
    settings => settings.engine === environment.engine && providerOf(settings) === environment.provider,
  )
  if (known && !precisionsOf(model).includes(environment.precision))
    return [{ path, why: `${basename(model.file)} no longer runs ${model.name} at ${environment.precision}` }]
  const successor = used.find(
    other => baselineKey(other) !== key && withoutVersions(other) === withoutVersions(environment),
  )
  if (successor && !used.some(other => baselineKey(other) === key))
    return [
      {
        path,
        why: `${environment.engine} ${environment.engineVersion} gave way to ${successor.engineVersion} on this machine`,
      },
    ]
  return Object.keys(scenes)
    .filter(scene => !Object.hasOwn(model.golden.manifest.scenes, scene))
    .map(scene => ({ path, scene, why: `the goldens of ${model.name} have no scene ${scene}` }))
}

/** What cannot be read, such as half a merge, is for a person to mend and never to be removed. */
function readable(file: string): BaselineFile | undefined {
  try {
    return readBaseline(file)
  } catch {
    return undefined
  }
}

/** An environment but for what an update changes. */
function withoutVersions({ engineVersion: _, driver: __, ...environment }: Environment): string {
  return JSON.stringify(Object.entries(environment).sort())
}

/** Temporary files of whole writes, and locks, whose process is gone. Other folders are of models that share the goldens. */
function leftovers(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.name.startsWith('.') || !entry.isDirectory())
    .map(({ name }) => name)
    .filter(name => !name.endsWith('.json') && name !== '.lock' && name !== '.gitattributes')
    .map(name => join(folder, name))
}

/** Removes what a whole run found obsolete. */
export function removeObsolete(root: string, { path, scene }: Obsolete): void {
  const file = join(root, path)
  const environment = scene === undefined ? undefined : readBaseline(file)?.environment
  if (scene === undefined) rmSync(file, { recursive: true, force: true })
  else if (environment) changeBaseline(file, environment, ({ [scene]: _, ...others }) => others)
}
