import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeTemporary, removeTemporary } from '../base/temporary.ts'
import { type Engine, type EngineRequest, type Precision, precisions } from '../engines/engine.ts'
import { withEngine } from '../engines/pool.ts'
import { loadPytorch, type PytorchSettings, pytorchNames } from '../engines/pytorch/session.ts'
import { primaryOutput, unitOf } from '../golden/kinds.ts'
import { readInput } from '../golden/store.ts'
import type { BudgetVerdict, Measured } from './budget.ts'
import { enginesOf, type Model, precisionsOf } from './config.ts'
import { mayBeSkipped } from './engines.ts'
import { inferOn, requestFor } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import { bestTiming, checkTimed, type TimesRequest, timesOf } from './times.ts'

/** How far a variant is from its goldens, over the scenes that were run: of each figure the worst. */
export interface Accuracy {
  /** The map that the figures are of. */
  output: string
  /** Of the RMSE; empty where the map is relative. */
  unit: string
  rmse: number
  absRel: number
  p99Rel: number
  scenes: number
  /** Scenes that break the tolerance of the precision, with the reason. */
  failing: { scene: string; reason: string }[]
}

/** Lowest and highest of what several builds gave. */
export interface Spread {
  low: number
  high: number
}

export interface MeasuredRow extends Measured {
  type: 'measured'
  model: string
  engine: string
  precision: Precision
  planBytes?: number
  buildSeconds?: number
  layers?: number
  accuracy: Accuracy
  /** Of builds made anew: the noise that choosing kernels by their time brings. */
  rebuilds?: { count: number; median: Spread; rmse: Spread }
  /** Where the config sets a budget for it. */
  budget?: BudgetVerdict
}

export interface BrokenRow {
  type: 'broken'
  model: string
  engine: string
  precision: Precision
  error: string
  budget?: BudgetVerdict
}

/** Left out because an optional engine is not there. */
export interface SkippedRow {
  type: 'skipped'
  model: string
  engine: string
  precision: Precision
  reason: string
  budget?: never
}

export type BenchRow = MeasuredRow | BrokenRow | SkippedRow

export interface BenchOptions {
  /** Scenes for the accuracy; the first is timed. */
  scenes: readonly string[]
  timing: TimesRequest
  /** Builds beyond the first. */
  rebuilds: number
}

/** Measures one engine at one precision: its error on the scenes, its time on the first. */
export async function benchCase(
  model: Model,
  engine: string,
  precision: Precision,
  options: BenchOptions,
): Promise<BenchRow> {
  try {
    const scene = options.scenes[0]!
    const { request } = await requestFor(model, { scene, precision, engine })
    const row = await withEngine(request, loaded => measure(model, engine, loaded, request.onnx, options))
    if (options.rebuilds === 0 || request.engine.engine !== 'tensorrt') return row
    return { ...row, rebuilds: await rebuildNoise(model, row, request, options) }
  } catch (thrown) {
    if (mayBeSkipped(model, engine, thrown))
      return { type: 'skipped', model: model.name, engine, precision, reason: messageOf(thrown) }
    return broken(model, engine, precision, thrown)
  }
}

/** Throws where a model has limits for a precision that it is not run at: no bench would ever hold them. */
export function refuseIdleBudget(model: Model): void {
  const { name, file, config } = model
  const { engines = {}, ...all } = config.budget ?? {}
  const places = [
    { limits: all, on: enginesOf(model), where: '' },
    ...Object.entries(engines).map(([engine, limits]) => ({ limits, on: [engine], where: ` on ${engine}` })),
  ]
  for (const { limits, on, where } of places)
    for (const precision of precisions)
      if (limits[precision] && !on.some(engine => precisionsOf(model, engine).includes(precision)))
        throw new DepthgateError(
          'config',
          `${file}: model ${name} sets a budget for ${precision}${where}, at which it is not run. Add ${precision} to \`precisions\`, or remove the budget`,
        )
}

/** Measures the PyTorch network itself, by the same method. */
export async function benchPytorch(
  model: Model,
  settings: PytorchSettings,
  precision: Precision,
  options: BenchOptions,
): Promise<BenchRow> {
  const name = settings.compile ? pytorchNames.compiled : pytorchNames.plain
  try {
    const loaded = await loadPytorch(settings, precision)
    try {
      return await measure(model, name, loaded, settings.file, options)
    } finally {
      await loaded.release()
    }
  } catch (thrown) {
    return broken(model, name, precision, thrown)
  }
}

function broken(model: Model, engine: string, precision: Precision, thrown: unknown): BrokenRow {
  if (!(thrown instanceof DepthgateError)) throw thrown
  return { type: 'broken', model: model.name, engine, precision, error: thrown.message }
}

async function measure(
  model: Model,
  engine: string,
  loaded: Engine,
  source: string,
  options: BenchOptions,
): Promise<MeasuredRow> {
  checkTimed(loaded, engine, source)
  const accuracy = await accuracyOf(model, engine, loaded, source, options.scenes)
  const times = await timesOf(loaded, readInput(model.golden, options.scenes[0]!), options.timing)
  const { plan, deviceBytes, fingerprint } = loaded
  return {
    type: 'measured',
    model: model.name,
    engine,
    precision: fingerprint.precision,
    fingerprint,
    ...times,
    ...(plan?.bytes !== undefined && { planBytes: plan.bytes }),
    ...(plan?.buildSeconds !== undefined && { buildSeconds: plan.buildSeconds }),
    ...(plan && { layers: plan.layers }),
    ...(deviceBytes !== undefined && { deviceBytes }),
    accuracy,
  }
}

async function accuracyOf(
  model: Model,
  engine: string,
  loaded: Engine,
  source: string,
  scenes: readonly string[],
): Promise<Accuracy> {
  const output = primaryOutput(model.judged)
  const unit = unitOf(model.judged[output]!.kind)
  const accuracy: Accuracy = {
    ...{ output, unit, rmse: 0, absRel: 0, p99Rel: 0, scenes: scenes.length, failing: [] },
  }
  for (const scene of scenes) {
    const { verdict } = judgeInference(model, await inferOn(model, scene, loaded, { engine, source }))
    if (!verdict.pass) accuracy.failing.push({ scene, reason: verdict.reason })
    const found = verdict.outputs.find(item => item.output === output)
    // NaN stays: it is the worst that there is
    for (const name of ['rmse', 'absRel', 'p99Rel'] as const)
      accuracy[name] = found?.type === 'map' ? worse(accuracy[name], found.metrics[name]) : Number.NaN
  }
  return accuracy
}

function worse(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : Math.max(a, b)
}

/** Builds anew in folders that no cache knows, and measures each plan. */
async function rebuildNoise(
  model: Model,
  first: MeasuredRow,
  request: EngineRequest,
  options: BenchOptions,
): Promise<NonNullable<MeasuredRow['rebuilds']>> {
  const rows = [first]
  for (let i = 0; i < options.rebuilds; i++) {
    const cache = makeTemporary('rebuild')
    try {
      rows.push(
        await withEngine({ ...request, cache }, loaded =>
          measure(model, first.engine, loaded, request.onnx, options),
        ),
      )
    } finally {
      removeTemporary(cache)
    }
  }
  return {
    count: rows.length,
    median: spread(rows.map(row => bestTiming(row).median)),
    rmse: spread(rows.map(row => row.accuracy.rmse)),
  }
}

function spread(values: readonly number[]): Spread {
  return { low: Math.min(...values), high: Math.max(...values) }
}
