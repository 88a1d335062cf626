import { DepthgateError } from '../base/errors.ts'
import { thereAre } from '../base/names.ts'
import { checkChoice, checkKeys } from '../base/options.ts'
import { asDepthMap, type DepthMap } from '../depth/depth-map.ts'
import { metricDepth } from '../depth/metric-depth.ts'
import { programOf, usesOnnx } from '../engines/command/placeholders.ts'
import {
  type Engine,
  type EngineRequest,
  type Fingerprint,
  type Fusion,
  type PlanFacts,
  type Precision,
  precisions,
} from '../engines/engine.ts'
import { withEngine } from '../engines/pool.ts'
import { type EngineSettings, providerOf } from '../engines/settings.ts'
import { derivation, isFov, primaryOutput } from '../golden/kinds.ts'
import { readInput, type Truth } from '../golden/store.ts'
import { calibrationOf } from './calibration.ts'
import { type Model, onnxByPrecision } from './config.ts'
import { engineNamed } from './engines.ts'
import { onnxOutput } from './judged.ts'
import type { QuantizedRecipe, ReducedRecipe } from './recipe.ts'
import { type Variant, variantFor } from './variant.ts'
import type { Attribution } from './verdict.ts'

export interface InferOptions {
  scene: string
  /** By default `fp32`. */
  precision?: Precision
  /** By default the model's own in the config, else `on`. */
  fusion?: Fusion
  /** Its name in the config; by default the first that the model is run on. */
  engine?: string
}

const optionNames: readonly string[] = [
  'scene',
  'precision',
  'fusion',
  'engine',
] satisfies (keyof InferOptions)[]

const brand = Symbol.for('depthgate.inference')

/** What an engine produced for one scene. It knows where it came from, so `expect(it).toMatchGolden()` needs no name. */
export interface Inference {
  readonly [brand]: true
  readonly model: string
  readonly scene: string
  readonly precision: Precision
  /** The engine's name in the config. */
  readonly engine: string
  readonly fingerprint: Fingerprint
  /** What TensorRT made of the network. */
  readonly plan?: PlanFacts
  /** What the GPU lost when the engine was loaded, in bytes, where it is known. */
  readonly deviceBytes?: number
  /** Wall time of the run itself, on a cold or warm session as it came. Not a benchmark. */
  readonly milliseconds: number
  /** What a reader of the figures must know. */
  readonly notes: readonly string[]
  /** Which step costs too much, where the scene fails under the config's limits. */
  readonly attribution?: Attribution
  /** Every output that is judged: maps H×W, the field of view in degrees; metric depth is derived where the model has both. */
  readonly outputs: Readonly<Record<string, Truth>>
  /** The map that people look at first: metric depth where there is one. */
  readonly depth: DepthMap
}

export function isInference(value: unknown): value is Inference {
  return typeof value === 'object' && value !== null && brand in value
}

/** A corner of an attribution: what depthgate makes from the FP32 ONNX, also where the config gives an ONNX or a plan. */
export interface MadeHere {
  /** In the place of the config's. */
  recipe?: ReducedRecipe | QuantizedRecipe
}

/** Runs the engine of one precision on one scene of a model. */
export async function inferModel(model: Model, options: InferOptions, made?: MadeHere): Promise<Inference> {
  checkKeys(options, optionNames, 'infer')
  checkChoice(options.precision, precisions, 'infer: precision')
  checkChoice(options.fusion, ['on', 'off'], 'infer: fusion')
  const { request, engine, notes } = await requestFor(model, options, made)
  return withEngine(request, async loaded => {
    const inference = await inferOn(model, options.scene, loaded, { engine, source: request.onnx })
    return { ...inference, notes: [...inference.notes, ...notes] }
  })
}

/** What an engine is to load for a scene at a precision, and what a reader must know of how that was made. */
export async function requestFor(
  model: Model,
  options: InferOptions,
  made?: MadeHere,
): Promise<{ request: EngineRequest; engine: string; notes: readonly string[] }> {
  const precision = options.precision ?? 'fp32'
  const { name, settings: own } = engineNamed(model, options.engine)
  const settings = made ? withoutPlan(own) : own
  const { notes, ...source } = await sourceFor(model, precision, settings, made)
  const request: EngineRequest = {
    ...source,
    precision,
    fusion: options.fusion ?? model.config.fusion ?? 'on',
    engine: settings,
    cache: model.cache,
    root: model.root,
    // a plan is built for one shape; other engines take it from the tensor that they are given
    ...(settings.engine === 'tensorrt' && { shape: readInput(model.golden, options.scene).shape }),
    ...(settings.engine === 'tensorrt' &&
      settings.typing === 'weak' && { calibration: calibrationOf(model.golden) }),
  }
  return { request, engine: name, notes }
}

/**
 * Runs a loaded engine on one scene of a model.
 * @param from the engine's name, and the file that errors name
 * @param input in the place of the golden's
 */
export async function inferOn(
  model: Model,
  scene: string,
  loaded: Engine,
  from: { engine: string; source: string },
  input = readInput(model.golden, scene),
): Promise<Inference> {
  const { outputs: specs } = model.golden.manifest
  const derived = Object.keys(model.judged).filter(output => specs[output]!.derived)
  const source = derived.length > 0 ? derivation(specs) : undefined
  const wanted = Object.keys(specs).filter(
    output =>
      !specs[output]!.derived &&
      // what is ignored is read where a judged output is derived from it
      (Object.hasOwn(model.judged, output) || output === source?.canonical || output === source?.fov),
  )
  const onnxName = (output: string) => onnxOutput(model.config, output)
  checkOutputs(model, loaded, from.source, wanted.map(onnxName))
  const { outputs: arrays, milliseconds } = await loaded.run(input, wanted.map(onnxName), model.config.input)

  const outputs: Record<string, Truth> = {}
  for (const output of wanted) {
    const array = arrays[onnxName(output)]!
    const name = `${from.source}: output ${onnxName(output)}`
    outputs[output] = isFov(specs[output]!.kind) ? scalar(array.data, name) : asDepthMap(array, name)
  }
  if (source)
    for (const output of derived)
      outputs[output] = metricDepth(outputs[source.canonical] as DepthMap, outputs[source.fov] as number)

  return {
    [brand]: true,
    model: model.name,
    scene,
    precision: loaded.fingerprint.precision,
    engine: from.engine,
    fingerprint: loaded.fingerprint,
    ...(loaded.plan && { plan: loaded.plan }),
    ...(loaded.deviceBytes !== undefined && { deviceBytes: loaded.deviceBytes }),
    milliseconds,
    notes: [...loaded.notes, ...provenanceNotes(model, loaded)],
    outputs,
    depth: outputs[primaryOutput(model.judged)] as DepthMap,
  }
}

/** An engine that builds what it runs by the types of the ONNX. */
function withoutPlan(settings: EngineSettings): EngineSettings {
  if (settings.engine !== 'tensorrt') return settings
  const { plan: _plan, typing: _typing, fp32Layers: _layers, ...rest } = settings
  return rest
}

/** The file that an engine loads: the variant of the precision, but a prebuilt plan as it is, and FP32 where TensorRT chooses the types. */
async function sourceFor(
  model: Model,
  precision: Precision,
  settings: EngineSettings,
  made: MadeHere | undefined,
): Promise<Variant> {
  if (settings.engine === 'tensorrt' && settings.plan !== undefined) {
    const plan = typeof settings.plan === 'string' ? settings.plan : settings.plan[precision]
    if (plan !== undefined) return { onnx: plan, emulated: false, notes: [] }
    throw new DepthgateError(
      'config',
      `${model.file}: model ${model.name} has no plan of precision ${precision}. Add it to the engine's \`plan\``,
    )
  }
  // a command that brings its own network needs none made for it
  if (settings.engine === 'command' && !usesOnnx(settings))
    return { onnx: programOf(settings), emulated: false, notes: [] }
  const weak = settings.engine === 'tensorrt' && settings.typing === 'weak'
  return variantFor(model, weak ? 'fp32' : precision, providerOf(settings), made)
}

/**
 * An output that nobody judges is a hole in the gate, unless the config says that it is meant; a name in the config that
 * the network does not have is a slip.
 */
function checkOutputs(
  { config, golden, file, name }: Model,
  engine: Engine,
  onnx: string,
  wanted: readonly string[],
): void {
  const there = engine.outputs.map(output => output.name)
  const ignored = config.ignoreOutputs ?? []
  // a command or PyTorch gives what its settings say, and one of several files may lack what another has
  const ofOnnx = ['onnxruntime', 'tensorrt'].includes(engine.fingerprint.engine)
  const oneFile = Object.keys(onnxByPrecision(config)).length === 1
  const renamed = Object.values(config.outputs ?? {})
    .flatMap(output => output.onnx ?? [])
    .filter(output => !ignored.includes(output))
  const slip = (where: string, names: readonly string[]) => {
    const lacks = names.find(output => !there.includes(output))
    if (lacks !== undefined)
      throw new DepthgateError(
        'config',
        `${file}: model ${name}: ${where} ${JSON.stringify(lacks)}, an output that ${onnx} does not have${thereAre(lacks, there)}`,
      )
  }
  if (ofOnnx) slip('`outputs` names', renamed)
  const known = Object.keys(golden.manifest.outputs).map(output => onnxOutput(config, output))
  if (ofOnnx && oneFile)
    slip(
      '`ignoreOutputs` names',
      ignored.filter(output => !known.includes(output)),
    )
  const extra = there.filter(output => !wanted.includes(output) && !ignored.includes(output))
  if (extra.length > 0)
    throw new DepthgateError(
      'onnx',
      `${onnx}: has the output${extra.length > 1 ? 's' : ''} ${extra.join(', ')}, which no golden holds. Capture it too, or write \`ignoreOutputs: ${JSON.stringify(extra)}\` for ${name} in ${file}`,
    )
}

function scalar(data: ArrayLike<number>, name: string): number {
  if (data.length === 1) return data[0]!
  throw new DepthgateError(
    'shape',
    `${name}: expected one field of view in degrees, got ${data.length} values. Export with batch 1`,
  )
}

/** An ONNX other than the one exported beside the goldens is the first thing to know when figures are off. */
function provenanceNotes({ golden }: Model, { fingerprint }: Engine): string[] {
  const captured = golden.manifest.capture?.onnx
  if (captured === undefined || captured === fingerprint.onnx || fingerprint.precision !== 'fp32') return []
  return [
    `the ONNX (SHA-256 ${fingerprint.onnx.slice(0, 12)}…) is not the one that was exported with these goldens (${captured.slice(0, 12)}…)`,
  ]
}
