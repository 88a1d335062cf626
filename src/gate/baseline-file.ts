import { existsSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { readSource, sha256, stableJson, writeWhole } from '../base/files.ts'
import { parseJson } from '../base/json.ts'
import { withLock } from '../base/lock.ts'
import { toName } from '../base/names.ts'
import { validated } from '../base/validate.ts'
import type { Fingerprint } from '../engines/engine.ts'
import { baselineSchema, baselineVersion } from './baseline-schema.ts'
import type { Model } from './config.ts'
import type { LimitName } from './tolerance.ts'

/** Metrics that a baseline keeps: those that have limits. */
export type BaselineMetric = LimitName

/** Who accepted figures, when and why. */
export interface Accepted {
  by: string
  /** ISO 8601, UTC. */
  date: string
  reason?: string
}

/** By output and metric; always finite, because only what keeps its tolerance is accepted. */
export type BaselineFigures = { [output: string]: { [metric in BaselineMetric]?: number } }

export interface SceneBaseline {
  accepted: Accepted
  /** SHA-256 of the ONNX that gave the figures. Told, not held: that another export is no worse is what is checked. */
  onnx: string
  /** A hash of the scene's golden and of how many pixels the ranges left out. Figures of others are not held against these. */
  pixels?: string
  outputs: BaselineFigures
}

/** Everything of a fingerprint but the ONNX: figures are held only against figures made under the same. */
export type Environment = Omit<Fingerprint, 'onnx'>

/** One file under `golden/<model>/baselines`: the figures accepted last in one environment. */
export interface BaselineFile {
  schemaVersion: typeof baselineVersion
  environment: Environment
  scenes: { [scene: string]: SceneBaseline }
}

/**
 * What a baseline belongs to. Where `anyCpu` is set, all CPUs of one architecture share theirs: for fleets whose machines
 * differ, at the price of a margin that must cover their differences.
 */
export function environmentOf({ onnx: _, ...environment }: Fingerprint, anyCpu = false): Environment {
  if (!anyCpu || environment.provider !== 'cpu') return environment
  return { ...environment, device: `${environment.device.split(' ')[0]} any CPU` }
}

/** A name for an environment that a person can read, ending in a hash over all of it. */
export function baselineKey(environment: Environment): string {
  const { precision, arithmetic, engine, engineVersion, provider, fusion } = environment
  const words = [
    precision,
    ...(arithmetic === 'native' ? [] : [arithmetic]),
    engine,
    engineVersion,
    ...(provider === engine ? [] : [provider]),
    ...(fusion === 'on' ? [] : ['unfused']),
    sha256(stableJson(environment)).slice(0, 8),
  ]
  return toName(words.join('-'))
}

/** Whose baselines they are. */
type Owner = Pick<Model, 'name' | 'golden'>

/** Where a model's baselines lie: beside its goldens, in a folder of its own where those are another model's, which it shares. */
export function baselinesFolder({ name, golden }: Owner): string {
  const folder = join(golden.folder, 'baselines')
  return name === golden.manifest.model ? folder : join(folder, toName(name))
}

export function baselinePath(owner: Owner, key: string): string {
  return join(baselinesFolder(owner), `${key}.json`)
}

/** Keys of the baselines that a model has. */
export function baselineKeys(owner: Owner): string[] {
  const folder = baselinesFolder(owner)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(entry => entry.endsWith('.json') && !entry.startsWith('.'))
    .map(entry => entry.slice(0, -'.json'.length))
    .sort()
}

/** The baselines of one environment; undefined where there are none yet. */
export function readBaseline(path: string): BaselineFile | undefined {
  if (!existsSync(path)) return undefined
  const text = Buffer.from(readSource(path, 'baseline', 'Restore it from version control')).toString('utf8')
  return parseBaseline(text, path)
}

function parseBaseline(text: string, path: string): BaselineFile {
  if (/^(<{7}|={7}|>{7}|\|{7})/m.test(text))
    throw new DepthgateError(
      'baseline',
      `${path}: holds merge-conflict marks. Resolve them: keep one side of each line, or take either side whole (git checkout --ours ${basename(path)}) and accept again`,
    )
  const data = parseJson(text, path, 'baseline')
  const version = (data as { schemaVersion?: unknown } | null)?.schemaVersion
  if (version !== undefined && version !== baselineVersion)
    throw new DepthgateError(
      'baseline',
      `${path}: has schemaVersion ${JSON.stringify(version)}, this depthgate reads ${baselineVersion}. Update depthgate, or remove the file and accept again`,
    )
  const file = validated<BaselineFile>(baselineSchema, data, path, 'baseline')
  const key = baselineKey(file.environment)
  if (basename(path) !== `${key}.json`)
    throw new DepthgateError(
      'baseline',
      `${path}: holds the baselines of another environment, whose file would be ${key}.json. A baseline of another machine or engine is never used: restore the file from version control, or remove it`,
    )
  return file
}

/**
 * Changes the baselines of one environment: read, change and write under a lock, so that of two test workers at once
 * neither loses the other's scenes. Nothing is written where nothing changes.
 */
export function changeBaseline(
  path: string,
  environment: Environment,
  change: (scenes: BaselineFile['scenes']) => BaselineFile['scenes'],
): void {
  withLock(join(dirname(path), '.lock'), () => {
    const before = readBaseline(path)
    const after = { schemaVersion: baselineVersion, environment, scenes: change(before?.scenes ?? {}) }
    if (before === undefined || stableJson(before) !== stableJson(after)) writeWhole(path, stableJson(after))
  })
}
