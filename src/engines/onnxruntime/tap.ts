import type { NdArray } from 'ndarray'
import ort from 'onnxruntime-node'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { type FloatArray, formatShape } from '../../depth/depth-map.ts'
import type { ModelProto } from '../../onnx/gen/onnx_pb.ts'
import { checkTaps, encodeTapped } from '../../onnx/taps.ts'
import { loadPieces } from './memory.ts'
import { floats } from './session.ts'
import { tensorShapes } from './shapes.ts'

/** One input to run. It is read anew for every batch of tensors, so that a thousand pictures need not be held. */
export interface TapInput {
  name: string
  read(): NdArray<FloatArray>
}

export interface TapOptions {
  /** What the tensors fetched in one run may come to. */
  batchBytes?: number
}

/**
 * Runs an FP32 model on inputs and hands over what its tensors hold. Outputs of a network stay in memory until a run
 * ends, and a network of full size writes thousands of tensors of 100 MB: so they are fetched in batches, each by a model
 * of its own that is loaded once and run on every input. Sizes come from ONNX Runtime's shape inference; a tensor whose
 * size it cannot tell before a run is taken for an eighth of a batch.
 * @param file how errors call the model; external data lie beside it
 * @param receive gets every tensor of every input once, in no order that can be relied upon
 */
export async function tap(
  model: ModelProto,
  tensors: readonly string[],
  inputs: readonly TapInput[],
  receive: (tensor: string, input: string, values: NdArray<FloatArray>) => void,
  file: string,
  { batchBytes = 2 ** 28 }: TapOptions = {},
): Promise<void> {
  checkTaps(model, tensors, file)
  const batches = batchesOf(await sizesOf(model, tensors, batchBytes / 8, file), batchBytes)
  for (const [index, batch] of batches.entries()) {
    const session = await loadPieces(encodeTapped(model, batch), file)
    try {
      for (const input of inputs) {
        const results = await run(session, input, batch, `${file}: batch ${index + 1} of ${batches.length}`)
        for (const name of batch) receive(name, input.name, floats(results[name] as ort.Tensor))
      }
    } finally {
      await session.release()
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

/** What tensors take as float32. */
async function sizesOf(
  model: ModelProto,
  tensors: readonly string[],
  unknown: number,
  file: string,
): Promise<{ name: string; bytes: number }[]> {
  const shapes = await tensorShapes(model, file, tensors)
  return tensors.map(name => {
    const bytes = shapes.get(name)!.reduce<number>((product, length) => product * Number(length), 4)
    // the length of an axis that is not known is a name
    return { name, bytes: Number.isNaN(bytes) ? unknown : bytes }
  })
}

async function run(
  session: ort.InferenceSession,
  { name, read }: TapInput,
  fetch: readonly string[],
  where: string,
): Promise<ort.InferenceSession.OnnxValueMapType> {
  const { inputNames } = session
  if (inputNames.length !== 1)
    throw new DepthgateError(
      'onnx',
      `${where}: has the inputs ${inputNames.join(', ') || 'none'}, expected one. Export the model with one input`,
    )
  const { data, shape } = read()
  try {
    return await session.run(
      { [inputNames[0]!]: new ort.Tensor('float32', data as Float32Array, shape) },
      fetch,
    )
  } catch (cause) {
    throw new DepthgateError(
      'engine',
      `${where}: ONNX Runtime failed on ${name} (${formatShape(shape)}): ${messageOf(cause)}`,
      { cause },
    )
  }
}
