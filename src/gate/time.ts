import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { checkChoice, checkKeys, checkNumber } from '../base/options.ts'
import { defaultPython } from '../base/python.ts'
import { type Fusion, type Precision, precisions } from '../engines/engine.ts'
import { withEngine } from '../engines/pool.ts'
import { loadPytorch, type PytorchSettings } from '../engines/pytorch/session.ts'
import { transfers } from '../engines/timing.ts'
import { readInput } from '../golden/store.ts'
import { readModel } from '../onnx/model.ts'
import type { Measured } from './budget.ts'
import { type Model, onnxByPrecision, sceneNames } from './config.ts'
import { engineNamed } from './engines.ts'
import { requestFor } from './infer.ts'
import { checkTimed, type TimesRequest, timesOf } from './times.ts'

export interface TimeOptions extends Partial<TimesRequest> {
  /** By default `fp32`. */
  precision?: Precision
  /** Its name in the config; by default the first that the model is run on. */
  engine?: string
  /** By default the model's own in the config, else `on`. */
  fusion?: Fusion
  /** Whose input is timed; by default the first by name. */
  scene?: string
  /** `FILE.py:FACTORY`, relative to the config: times the PyTorch network in FP32 as well, for `speedup`. */
  pytorch?: string
  /** The Python that has torch; by default that of DEPTHGATE_PYTHON, else `python3`. */
  python?: string
}

const optionNames: readonly string[] = [
  'precision',
  'engine',
  'fusion',
  'scene',
  'pytorch',
  'python',
  'seconds',
  'warmup',
  'iterations',
  'transfers',
] satisfies (keyof TimeOptions)[]

const brand = Symbol.for('depthgate.timed')

/** What an inference takes. It knows where it came from, so `expect(it).toMeetBudget()` needs no name. */
export interface Timed extends Measured {
  readonly [brand]: true
  readonly model: string
  readonly precision: Precision
  /** The engine's name in the config. */
  readonly engine: string
  /** PyTorch in FP32, where it was asked for. */
  readonly pytorch?: Measured
}

export function isTimed(value: unknown): value is Timed {
  return typeof value === 'object' && value !== null && brand in value
}

/** Times one precision of a model on one engine, and PyTorch beside it where that is asked for. */
export async function timeModel(model: Model, options: TimeOptions = {}): Promise<Timed> {
  checkKeys(options, optionNames, 'time')
  checkChoice(options.precision, precisions, 'time: precision')
  checkChoice(options.fusion, ['on', 'off'], 'time: fusion')
  checkChoice(options.transfers, transfers, 'time: transfers')
  checkNumber(options.seconds, 0, 'time: seconds')
  checkNumber(options.warmup, 0, 'time: warmup')
  checkNumber(options.iterations, 1, 'time: iterations')
  const { precision = 'fp32', seconds = 1, warmup = 0.5, iterations } = options
  const timing = {
    seconds,
    warmup,
    transfers: options.transfers ?? 'none',
    ...(iterations !== undefined && { iterations }),
  }
  const scene = options.scene ?? sceneNames(model)[0]!
  const { request, engine } = await requestFor(model, { ...options, scene, precision })
  const tensor = readInput(model.golden, scene)
  const measured = await withEngine(request, async loaded => {
    checkTimed(loaded, engine, request.onnx)
    const { fingerprint, deviceBytes } = loaded
    return {
      ...(await timesOf(loaded, tensor, timing)),
      fingerprint,
      ...(deviceBytes !== undefined && { deviceBytes }),
    }
  })
  const pytorch = options.pytorch !== undefined && (await pytorchBeside(options.pytorch))
  return {
    [brand]: true,
    ...{ model: model.name, precision, engine },
    ...measured,
    ...(pytorch && { pytorch }),
  }

  async function pytorchBeside(source: string): Promise<Measured> {
    const python = options.python ?? defaultPython()
    const { settings } = engineNamed(model, engine)
    const device = 'device' in settings ? settings.device : undefined
    const loaded = await loadPytorch(
      pytorchSettings(model, source, 'time: pytorch', { python, device, folder: model.root }),
      'fp32',
    )
    try {
      checkTimed(loaded, 'pytorch', source)
      return { ...(await timesOf(loaded, tensor, timing)), fingerprint: loaded.fingerprint }
    } finally {
      await loaded.release()
    }
  }
}

/**
 * The PyTorch network of a model.
 * @param source `FILE.py:FACTORY`, relative to `folder`
 * @param from how errors call it
 */
export function pytorchSettings(
  { golden, config, root }: Model,
  source: string,
  from: string,
  { python, device = 0, folder }: { python: string; device?: number | undefined; folder: string },
): PytorchSettings {
  const [, file, factory] = /^(.+\.py):(\w+)$/.exec(source) ?? []
  if (file === undefined || factory === undefined)
    throw new DepthgateError('usage', `${from} ${source}: write FILE.py:FACTORY`)
  const specs = golden.manifest.outputs
  const wanted = Object.keys(specs)
    .filter(output => !specs[output]!.derived)
    .map(output => config.outputs?.[output]?.onnx ?? output)
  const outputs = inOrderOf(onnxByPrecision(config).fp32, root, wanted)
  return { python, device, file: resolve(folder, file), factory, compile: false, outputs, seconds: 1800 }
}

/** A network that returns a tuple does so in the order of the outputs of its export; goldens are in that of their names. */
function inOrderOf(onnx: string | undefined, root: string, wanted: readonly string[]): readonly string[] {
  const path = onnx === undefined ? undefined : resolve(root, onnx)
  if (path === undefined || !existsSync(path)) return wanted
  const order = readModel(path).graph!.output.map(({ name }) => name)
  return wanted.every(name => order.includes(name)) ? order : wanted
}
