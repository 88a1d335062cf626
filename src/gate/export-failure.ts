import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import type { FloatArray } from '../depth/depth-map.ts'
import { withEngine } from '../engines/pool.ts'
import type { Preprocessing } from '../golden/manifest.ts'
import { readInput, readTruth, type Truth } from '../golden/store.ts'
import { explains, resemblance, sampledAbsRel } from '../metrics/index.ts'
import type { Model } from './config.ts'
import { pairOf } from './distance.ts'
import { figure } from './figure.ts'
import { type Inference, inferOn, requestFor } from './infer.ts'
import { resemblanceText } from './resemblance.ts'
import type { MapVerdict, OutputVerdict } from './verdict.ts'

/** Other scenes that a map is looked for among. */
const mostScenes = 100
/** Milliseconds that trying other inputs may take, as far as the run that failed tells. */
const patience = 20_000

/**
 * maxRel that an FP32 engine of the very network stays below: of pocket, whose farthest inverse depths are small differences,
 * it is 2e-5 at most (`depthgate gate --precision fp32 --json`).
 */
const summing = 1e-4

/**
 * What it means that FP32 without fusion fails, as a sentence: that the limit is too tight for FP32; or what the ONNX does
 * otherwise than the network that made the golden, and where to look. `undefined` where that is not known.
 * @param exported that run
 * @param outputs what was judged of it
 */
export async function exportFailure(
  model: Model,
  exported: Inference,
  outputs: readonly OutputVerdict[],
): Promise<string | undefined> {
  const failing = outputs.filter(({ pass }) => !pass)
  const losses = failing.map(output => (output.type === 'map' ? lossOfFp32(output) : undefined))
  const beyond = failing.find((_output, i) => losses[i] === undefined)
  if (!beyond)
    return `no pixel is off by more than ${figure(100 * Math.max(...losses.map(Number)))} %, which is what FP32 loses by itself. The limit is tighter than any engine can keep; raise it`
  const mistake = await mistakeOf(model, exported, beyond.output)
  return mistake && `the ONNX is not the network that made the goldens; ${mistake}`
}

/** maxRel, where that is no more than what FP32 loses by itself. It is of pixels that are compared: one that strays into the range is not. */
function lossOfFp32({ metrics, counts }: MapVerdict): number | undefined {
  const isWhole = counts.actualNonFinite === 0 && metrics.strays === 0
  return isWhole && metrics.maxRel <= summing ? metrics.maxRel : undefined
}

/**
 * Its map is the golden turned, scaled, inverted or moved; or it is the golden of another scene; or it is the golden once the
 * input is another. `undefined` where none of these explains nine tenths of the mean relative error, and for what is no map.
 */
async function mistakeOf(model: Model, exported: Inference, output: string): Promise<string | undefined> {
  const range = model.config.outputs?.[output]?.range
  const golden = readTruth(model.golden, exported.scene, output)
  const actual = exported.outputs[output]
  const pair = pairOf(golden, actual, range)
  if (!pair) return undefined
  const found = resemblance(pair)
  if (found) return `its map is ${resemblanceText(found)}`

  const apart = (truth: Truth, map: Truth | undefined) => {
    const other = pairOf(truth, map, range)
    return other ? sampledAbsRel(other) : Number.NaN
  }
  const before = sampledAbsRel(pair)
  const instead = (absRel: number) => `absRel is ${figure(absRel)} instead of ${figure(before)}`
  const others = Object.keys(model.golden.manifest.scenes).filter(scene => scene !== exported.scene)
  for (const scene of others.slice(0, mostScenes)) {
    const other = await unlessRefused(() => readTruth(model.golden, scene, output))
    if (other === undefined) continue
    const absRel = apart(other, actual)
    if (explains(absRel, before))
      return `its map is the golden of the scene ${scene}: to that ${instead(absRel)}. Look for scenes that were mixed up`
  }
  const inputs = otherInputs(readInput(model.golden, exported.scene), model.golden.manifest.input)
  if (exported.milliseconds * inputs.length > patience) return undefined
  for (const { input, words } of inputs) {
    const absRel = apart(golden, await fed(model, exported, output, input))
    if (explains(absRel, before))
      return `fed with ${words} it gives the golden: ${instead(absRel)}. The golden's input is another: look at what prepares the picture, in the export and at capture`
  }
  return undefined
}

/** What the network gives for another input, at the corner that failed; `undefined` where it does not take that. */
async function fed(
  model: Model,
  { scene, engine }: Inference,
  output: string,
  input: NdArray<FloatArray>,
): Promise<Truth | undefined> {
  return unlessRefused(async () => {
    const { request } = await requestFor(model, { scene, precision: 'fp32', fusion: 'off', engine }, {})
    const about = { engine, source: request.onnx }
    return (await withEngine(request, loaded => inferOn(model, scene, loaded, about, input))).outputs[output]
  })
}

/** What is tried beside the case at hand may not work, such as with a damaged golden of another scene: no fault of that case. */
async function unlessRefused<Result>(attempt: () => Result | Promise<Result>): Promise<Result | undefined> {
  try {
    return await attempt()
  } catch (thrown) {
    if (thrown instanceof DepthgateError) return undefined
    throw thrown
  }
}

type Triple = Preprocessing['mean']

/** What a picture may be turned into, in the place of what the goldens' pictures are. */
const otherwise: readonly { words: string; mean: Triple; std: Triple }[] = [
  { words: 'pixels of 0…1, not normalised,', mean: [0, 0, 0], std: [1, 1, 1] },
  { words: 'pixels of 0…255', mean: [0, 0, 0], std: [1 / 255, 1 / 255, 1 / 255] },
  { words: 'pixels of −1…1', mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  { words: "pixels normalised as ImageNet's", mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
]

/** What a network may take in the place of a golden's input, where that is a picture: 1×3×H×W. */
function otherInputs(
  tensor: NdArray<FloatArray>,
  { mean, std }: Preprocessing,
): { input: NdArray<FloatArray>; words: string }[] {
  const [, channels, height = 0, width = 0] = tensor.shape
  if (tensor.shape.length !== 4 || channels !== 3) return []
  const area = height * width
  const { data } = tensor
  const made = (from: (channel: number) => number, to: { mean: Triple; std: Triple }) =>
    ndarray(
      Float32Array.from(data, (_value, i) => {
        const channel = Math.floor(i / area) % 3
        const source = from(channel)
        const unit = data[i + (source - channel) * area]! * std[source]! + mean[source]!
        return (unit - to.mean[channel]!) / to.std[channel]!
      }),
      [...tensor.shape],
    )
  const same = (other: { mean: Triple; std: Triple }) =>
    String([other.mean, other.std]) === String([mean, std])
  return [
    {
      words: 'its channels in the order blue, green, red',
      input: made(channel => 2 - channel, { mean, std }),
    },
    ...otherwise
      .filter(other => !same(other))
      .map(other => ({ words: other.words, input: made(channel => channel, other) })),
  ]
}
