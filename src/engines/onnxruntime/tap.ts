import type { NdArray } from 'ndarray'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { type FloatArray, formatShape } from '../../depth/depth-map.ts'
import type { ModelProto } from '../../onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../onnx/model.ts'
import { type Stretch, stretchesOf } from '../../onnx/stretches.ts'
import { partOf } from '../../onnx/subgraph.ts'
import { checkTaps, exchanged } from '../../onnx/taps.ts'
import type { Port } from '../engine.ts'
import { feedPort } from '../ports.ts'
import { loadPieces } from './memory.ts'
import ort from './ort.ts'
import { floats } from './session.ts'
import { tensorShapes } from './shapes.ts'

/** One input to run. It is read anew for every batch of tensors, so that a thousand pictures need not be held. */
export interface TapInput {
  name: string
  read(): NdArray<FloatArray>
}

export interface TapOptions {
  /** What the tensors fetched in one run may come to, and what is kept between two runs for all inputs. */
  batchBytes?: number
  /** Called after each run with how far the tapping is; what it throws ends it. */
  onBatch?: (progress: TapProgress) => void
}

/** How far tapping is, in bytes of tensors handed over. */
export interface TapProgress {
  done: number
  all: number
}

/**
 * Runs an FP32 model on inputs and hands over what its tensors hold. Outputs of a network stay in memory until a run
 * ends, and a network of full size writes thousands of tensors of 100 MB: so they are fetched in batches, in the order
 * given. Each batch is a stretch of the network, loaded with the weights that it reads, and goes on from what those before
 * have computed: no node runs twice. Inputs go through the network together as far as what is kept for them allows. Sizes
 * come from ONNX Runtime's shape inference; a tensor whose size it cannot tell before a run is taken for an eighth of a
 * batch.
 * @param file how errors call the model; external data lie beside it
 * @param receive gets every tensor of every input once, in no order that can be relied upon
 */
export async function tap(
  model: ModelProto,
  tensors: readonly string[],
  inputs: readonly TapInput[],
  receive: (tensor: string, input: string, values: NdArray<FloatArray>) => void,
  file: string,
  { batchBytes = 2 ** 28, onBatch = () => {} }: TapOptions = {},
): Promise<void> {
  const typeOf = checkTaps(model, tensors, file)
  const feed = feedOf(model, file)
  const port = portOf(model, feed)
  const shapes = await tensorShapes(model, file, inputs[0]?.read().shape)
  const bytesOf = (name: string) => sizeOf(shapes.get(name), batchBytes / 8)
  const batches = batchesOf(
    tensors.map(name => ({ name, bytes: bytesOf(name) })),
    batchBytes,
  )
  const constants = new Set(
    model.graph!.node.filter(({ opType }) => opType === 'Constant').flatMap(({ output }) => output),
  )
  const stretches = stretchesOf(
    model.graph!,
    batches,
    name => exchanged.has(typeOf(name)) && !constants.has(name),
  )
  const together = Math.max(1, Math.floor(batchBytes / mostKept(stretches, bytesOf)))
  const progress = { done: 0, all: inputs.length * tensors.reduce((sum, name) => sum + bytesOf(name), 0) }
  for (let first = 0; first < inputs.length; first += together) {
    const group = inputs.slice(first, first + together).map(({ name, read }) => {
      const values = read()
      if (port) feedPort(file, [port], values, feed)
      const { data, shape } = values
      const tensor = new ort.Tensor('float32', data as Float32Array, shape)
      return { name, shape, known: new Map([[feed, tensor as ort.Tensor]]) }
    })
    for (const [index, stretch] of stretches.entries()) {
      const { wanted, outputs, done } = stretch
      const session =
        outputs.length > 0 ? await loadPieces(encodeModel(partOf(model, stretch, typeOf)), file) : undefined
      try {
        for (const { name, shape, known } of group) {
          const where = `batch ${index + 1} of ${stretches.length}`
          const fault = `${file}: ${where}: ONNX Runtime failed on ${name} (${formatShape(shape)})`
          if (session) await run(session, known, outputs, fault)
          for (const tensor of wanted) receive(tensor, name, floats(known.get(tensor)!))
          for (const tensor of done) known.delete(tensor)
          progress.done += wanted.reduce((sum, tensor) => sum + bytesOf(tensor), 0)
          onBatch(progress)
        }
      } finally {
        await session?.release()
      }
    }
  }
}

/** Tensors in groups, in their order, none above the budget but where one tensor alone is. Pure. */
export function batchesOf(tensors: readonly { name: string; bytes: number }[], budget: number): string[][] {
  const batches: string[][] = []
  let room = 0
  for (const { name, bytes } of tensors) {
    if (batches.length === 0 || bytes > room) {
      batches.push([])
      room = budget
    }
    batches.at(-1)!.push(name)
    room -= bytes
  }
  return batches
}

/** What a tensor takes as float32; `unknown` where an axis has a name in the place of a length. */
function sizeOf(shape: readonly (number | string)[] | undefined, unknown: number): number {
  if (!shape || shape.some(length => typeof length === 'string')) return unknown
  return (shape as readonly number[]).reduce((product, length) => product * length, 4)
}

/** The most that is kept between two stretches for one input. */
function mostKept(stretches: readonly Stretch[], bytesOf: (tensor: string) => number): number {
  let [kept, most] = [0, 1]
  const made = new Set<string>()
  for (const { inputs, outputs, done } of stretches) {
    for (const name of [...inputs, ...outputs]) if (!made.has(name)) kept += bytesOf(name)
    for (const name of [...inputs, ...outputs]) made.add(name)
    for (const name of done) if (made.has(name)) kept -= bytesOf(name)
    most = Math.max(most, kept)
  }
  return most
}

/** The name of the network's one input. */
function feedOf({ graph }: ModelProto, file: string): string {
  const weights = new Set(graph!.initializer.map(({ name }) => name))
  const names = graph!.input.map(({ name }) => name).filter(name => !weights.has(name))
  const [name, ...more] = names
  if (name !== undefined && more.length === 0) return name
  throw new DepthgateError(
    'onnx',
    `${file}: has the inputs ${names.join(', ') || 'none'}, expected one. Export the model with one input`,
  )
}

/** The network's input with its own axes, where the model tells them. */
function portOf({ graph }: ModelProto, feed: string): Port | undefined {
  const type = graph!.input.find(({ name }) => name === feed)?.type?.value
  if (type?.case !== 'tensorType' || !type.value.shape) return undefined
  const shape = type.value.shape.dim.map(({ value }) =>
    value.case === 'dimValue' ? Number(value.value) : (value.value ?? '?'),
  )
  return { name: feed, type: 'float32', shape }
}

/** Runs a stretch on what is known of an input, and adds what it computes. */
async function run(
  session: ort.InferenceSession,
  known: Map<string, ort.Tensor>,
  fetch: readonly string[],
  fault: string,
): Promise<void> {
  const feeds = Object.fromEntries(session.inputNames.map(name => [name, known.get(name)!]))
  try {
    const results = await session.run(feeds, [...fetch])
    for (const name of fetch) known.set(name, results[name] as ort.Tensor)
  } catch (cause) {
    throw new DepthgateError('engine', `${fault}: ${messageOf(cause)}`, { cause })
  }
}
