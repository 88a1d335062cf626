import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { thereAre } from '../base/names.ts'
import { asDepthMap, type DepthMap, type FloatArray, formatShape, packed } from '../depth/depth-map.ts'
import { readNpy } from '../depth/npy.ts'
import { primaryOutput } from '../golden/kinds.ts'
import type { OutputKind } from '../golden/manifest.ts'
import { readTruth, type Truth } from '../golden/store.ts'
import { depthOfRelativeInverse, medianScaled } from '../metrics/align.ts'
import { comparePixels } from '../metrics/pixels.ts'
import type { Model } from './config.ts'
import type { CaseRecord, Quality, QualityFigures, QualityMetric, QualitySummary } from './run-record.ts'

/**
 * Task quality, the question apart from fidelity: how well PyTorch and the engine each agree with ground truth.
 * `keeps` and the tiers follow MLPerf Inference, which asks a reduced model for 99 % or 99.9 % of the FP32 model's
 * quality over the whole data set.
 */
const tiers = [0.999, 0.99] as const

/** Throws where a model's `truth` in the config can mean nothing. */
export function checkTruth(model: Model): void {
  const { truth } = model.config
  if (!truth) return
  const where = `${model.file}: model ${model.name}, truth`
  if (!truth.file.includes('{scene}'))
    throw new DepthgateError(
      'config',
      `${where}: ${JSON.stringify(truth.file)} does not say where the scene's name goes. Write {scene} there`,
    )
  const { outputs, scenes } = model.golden.manifest
  const output = truthOutput(model)
  const kind = Object.hasOwn(outputs, output) ? outputs[output]!.kind : undefined
  if (kind === undefined)
    throw new DepthgateError(
      'config',
      `${where}: the golden has no output ${JSON.stringify(output)}${thereAre(output, Object.keys(outputs))}`,
    )
  if (!Object.hasOwn(model.judged, output))
    throw new DepthgateError(
      'config',
      `${where}: output ${output} is in \`ignoreOutputs\`. Take it out there, or name another`,
    )
  if (kind === 'fov' || kind === 'canonical-inverse-depth')
    throw new DepthgateError(
      'config',
      `${where}: output ${output} is a ${kind}, which no depth in metres can be held against. Name a map of depth`,
    )
  if (!Object.keys(scenes).some(scene => existsSync(truthPath(model, scene))))
    throw new DepthgateError(
      'config',
      `${where}: no scene has a file ${truth.file}, so nothing would be held against ground truth`,
    )
}

function truthOutput({ config, judged }: Model): string {
  return config.truth?.output ?? primaryOutput(judged)
}

function truthFile({ config }: Model, scene: string): string {
  return config.truth!.file.replaceAll('{scene}', scene)
}

function truthPath(model: Model, scene: string): string {
  return resolve(model.root, truthFile(model, scene))
}

/** PyTorch and the engine against the ground truth of a scene; undefined where it has none. */
export function qualityOf(
  model: Model,
  scene: string,
  outputs: Readonly<Record<string, Truth>>,
): Quality | undefined {
  if (!model.config.truth || !existsSync(truthPath(model, scene))) return undefined
  const output = truthOutput(model)
  const path = truthPath(model, scene)
  const truth = asDepthMap(readNpy(path), path)
  const golden = readTruth(model.golden, scene, output) as DepthMap
  if (truth.shape[0] !== golden.shape[0] || truth.shape[1] !== golden.shape[1])
    throw new DepthgateError(
      'truth',
      `${path}: is ${formatShape(truth.shape)}, the golden of ${scene} is ${formatShape(golden.shape)}. Ground truth is held pixel by pixel: give it at the network's size`,
    )
  const figures = (map: Truth | undefined) => figuresOf(model, output, truth, map)
  return { output, truth: truthFile(model, scene), golden: figures(golden), engine: figures(outputs[output]) }
}

const unknown: QualityFigures = { delta1: Number.NaN, absRel: Number.NaN }

function figuresOf(model: Model, output: string, truth: DepthMap, map: Truth | undefined): QualityFigures {
  const [height = 0, width = 0] = truth.shape
  if (typeof map !== 'object' || map.shape[0] !== height || map.shape[1] !== width) return unknown
  const wanted = packed(truth)
  const { kind } = model.golden.manifest.outputs[output]!
  const actual = metres(packed(map), wanted, kind)
  const range = model.config.truth!.range
  const { sumRel, within1, finite, actualNonFinite } = comparePixels({
    golden: wanted,
    actual,
    width,
    height,
    ...range,
  })
  return actualNonFinite > 0 ? unknown : { delta1: within1 / finite, absRel: sumRel / finite }
}

/** A map as depth in the truth's unit; relative maps are aligned, as their evaluations do. */
function metres(map: FloatArray, truth: FloatArray, kind: OutputKind): FloatArray {
  if (kind === 'inverse-depth') return Float64Array.from(map, value => 1 / value)
  if (kind === 'relative-depth') return medianScaled(map, truth)
  if (kind === 'relative-inverse-depth') return depthOfRelativeInverse(map, truth)
  return map
}

/** Quality by variant, over the scenes that have ground truth: means over the scenes, then what is kept. Pure. */
export function summariseQuality(
  cases: readonly CaseRecord[],
  limitOf: (model: string) => number | undefined,
): QualitySummary[] {
  const variants = new Map<string, { first: CaseRecord; all: Quality[] }>()
  for (const record of cases)
    for (const quality of record.type === 'judged' ? (record.quality ?? []) : []) {
      const key = JSON.stringify([record.model, record.precision, record.engine, quality.output])
      const variant = variants.get(key) ?? { first: record, all: [] }
      variant.all.push(quality)
      variants.set(key, variant)
    }
  return [...variants.values()].map(({ first: { model, precision, engine }, all }) => {
    const limit = limitOf(model)
    return {
      model,
      precision,
      engine,
      output: all[0]!.output,
      ...summary(all),
      ...(limit !== undefined && { limit }),
      pass: limit === undefined || Object.values(summary(all).kept).every(share => share >= limit),
    }
  })
}

function summary(all: readonly Quality[]) {
  const mean = (side: 'golden' | 'engine', metric: QualityMetric) =>
    all.reduce((sum, quality) => sum + quality[side][metric], 0) / all.length
  const means = (side: 'golden' | 'engine') => ({
    delta1: mean(side, 'delta1'),
    absRel: mean(side, 'absRel'),
  })
  const [goldenMean, engineMean] = [means('golden'), means('engine')]
  const kept: QualityFigures = {
    delta1: share(engineMean.delta1, goldenMean.delta1),
    // an error that grows keeps less: 1 % of the quality is lost where the error is 1 / 0.99 of PyTorch's
    absRel: share(goldenMean.absRel, engineMean.absRel),
  }
  const tier = tiers.find(least => kept.delta1 >= least && kept.absRel >= least) ?? 0
  return { scenes: all.length, goldenMean, engineMean, kept, tier } as const
}

/** a / b, where nothing lost of nothing is all of it. */
function share(a: number, b: number): number {
  return a === b ? 1 : a / b
}
