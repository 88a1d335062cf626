import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { checkCache } from '../../base/cache.ts'
import { DepthgateError } from '../../base/errors.ts'
import { sha256, sha256File, stableJson, writeWhole } from '../../base/files.ts'
import { parseJson } from '../../base/json.ts'
import { withLongLock } from '../../base/long-lock.ts'
import type { EngineRequest, Precision } from '../engine.ts'
import type { TensorrtSettings } from '../settings.ts'
import { type BuildJob, buildPlan } from './build.ts'
import { builds } from './build-progress.ts'
import type { Layers } from './layers.ts'
import type { Host } from './workers.ts'

/** A plan on disk and what is known of how it was made. */
export interface Plan extends PlanRecord {
  path: string
  /** Whether this process has just built it. */
  fresh: boolean
}

/** What stands beside a plan in the cache. Without it, or with the hash of another file, an entry is not whole. */
interface PlanRecord {
  /** SHA-256 of the plan. */
  plan: string
  bytes: number
  buildSeconds: number
  /** The network's own outputs, where others were added to prevent fusion. */
  outputs: string[]
  inspection: Layers
}

/** Builds that failed in this process: many scenes ask for one plan, and a build that fails may take minutes. */
const failed = new Map<string, DepthgateError>()

/** Raised when the same request would be built differently: old entries are then left alone. */
const recipe = 1

/**
 * The plan of a request: from `<cache>/plans`, or built. Two processes that want one plan build it once; a damaged
 * entry is built anew. The folder may be deleted at any time.
 */
export async function planFor(request: EngineRequest, onnxHash: string, host: Host): Promise<Plan> {
  const settings = request.engine as TensorrtSettings
  const job = jobOf(request, settings)
  const key = planKey(job, onnxHash, host, request.calibration?.hash)
  const { precision, fusion } = request
  const name = `${precision}${job.typing === 'weak' ? '-weak' : ''}${fusion === 'off' ? '-unfused' : ''}`
  const path = join(request.cache, 'plans', `${name}-${key.slice(0, 32)}.plan`)
  const known = readEntry(path)
  if (known) return { ...known, path, fresh: false }
  // with other options, such as more time, it may go well
  const attempt = JSON.stringify([path, settings])
  const fault = failed.get(attempt)
  if (fault) throw fault
  checkCache(dirname(path))

  const started = performance.now()
  const tell = (state: 'waiting' | 'failed', phase: string) =>
    builds.emit('progress', {
      ...{ onnx: request.onnx, precision, state, phase },
      done: Number.NaN,
      seconds: (performance.now() - started) / 1000,
    })
  return withLongLock(
    `${path}.lock`,
    async () => {
      const made = readEntry(path)
      if (made) return { ...made, path, fresh: false }
      try {
        return {
          ...(await make(withTimings(job, settings, path, host), request, settings, path)),
          path,
          fresh: true,
        }
      } catch (thrown) {
        if (thrown instanceof DepthgateError) failed.set(attempt, thrown)
        throw thrown
      }
    },
    owner => tell('waiting', owner),
  )
}

/** Everything that changes the plan. */
export function planKey(job: BuildJob, onnxHash: string, host: Host, calibration?: string): string {
  const { onnx: _, ...options } = job
  return sha256(
    stableJson({
      ...{ recipe, onnxHash, options, ...platformOf(host) },
      ...(job.typing === 'weak' && job.precision === 'int8' && { calibration }),
    }),
  )
}

/** Whether kernels may compute FP32 in TF32. */
export function usesTf32(precision: Precision, { allowTf32 }: Pick<TensorrtSettings, 'allowTf32'>): boolean {
  return precision === 'tf32' || (precision !== 'fp32' && allowTf32 === true)
}

/** What the worker is to build. */
function jobOf(request: EngineRequest, settings: TensorrtSettings): BuildJob {
  const { typing = 'strong', optimizationLevel, workspaceMiB, timingCache, fp32Layers } = settings
  const { strictNans, versionCompatible, hardwareCompatibility } = settings
  return {
    onnx: request.onnx,
    device: settings.device ?? 0,
    precision: request.precision,
    typing,
    tf32: usesTf32(request.precision, settings),
    ...(request.fusion === 'off' && { unfused: 'outputs' as const }),
    ...(request.fusion === 'off' && request.marks && { marks: request.marks }),
    ...(request.shape && { shape: request.shape }),
    ...(optimizationLevel !== undefined && { optimizationLevel }),
    ...(workspaceMiB !== undefined && { workspaceMiB }),
    ...(typeof timingCache === 'string' && { timingCache }),
    ...(fp32Layers && { fp32Layers }),
    ...(strictNans && { strictNans }),
    ...(versionCompatible && { versionCompatible }),
    ...(hardwareCompatibility && hardwareCompatibility !== 'none' && { hardwareCompatibility }),
  }
}

/** The job with the timings that all plans of a GPU and TensorRT share, where the settings name no others. */
export function withTimings(
  job: BuildJob,
  { timingCache }: Pick<TensorrtSettings, 'timingCache'>,
  plan: string,
  host: Host,
): BuildJob {
  if (timingCache !== undefined) return job
  const name = `timings-${sha256(stableJson(platformOf(host))).slice(0, 16)}.bin`
  return { ...job, timingCache: join(dirname(plan), name), renewTimings: true }
}

function platformOf({ tensorrt, driver, cuda, gpu, computeCapability }: Host) {
  return { tensorrt, driver, cuda, gpu, computeCapability }
}

async function make(
  job: BuildJob,
  { calibration }: EngineRequest,
  settings: TensorrtSettings,
  path: string,
): Promise<PlanRecord> {
  const draft = `${path}.part`
  const built = await buildPlan(settings, job, draft, calibration)
  const record: PlanRecord = {
    plan: sha256File(draft),
    bytes: built.bytes,
    buildSeconds: built.seconds,
    outputs: built.outputs,
    inspection: built.inspection,
  }
  rmSync(sealOf(path), { force: true })
  renameSync(draft, path)
  writeWhole(layersOf(path), built.layersJson)
  writeWhole(sealOf(path), stableJson(record))
  return record
}

/** An entry of the cache that is whole, or undefined. */
function readEntry(path: string): PlanRecord | undefined {
  const seal = sealOf(path)
  if (!existsSync(path) || !existsSync(seal)) return undefined
  try {
    const record = parseJson(readFileSync(seal, 'utf8'), seal, 'cache') as PlanRecord
    return record.plan === sha256File(path) ? record : undefined
  } catch (thrown) {
    // a damaged entry is built anew
    if (thrown instanceof DepthgateError) return undefined
    throw thrown
  }
}

function sealOf(path: string): string {
  return path.replace(/\.plan$/, '.json')
}

/** Where the inspector's whole text lies. */
export function layersOf(path: string): string {
  return path.replace(/\.plan$/, '.layers.json')
}

/** The prebuilt plan that the settings name for a precision. */
export function prebuiltPlan(settings: TensorrtSettings, precision: Precision): string | undefined {
  return typeof settings.plan === 'string' ? settings.plan : settings.plan?.[precision]
}
