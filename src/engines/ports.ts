import type { NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { type FloatArray, formatShape } from '../depth/depth-map.ts'
import type { Port } from './engine.ts'

/** The one input of a network that takes a tensor; errors name the file that the network came from. */
export function feedPort(
  file: string,
  inputs: readonly Port[],
  tensor: NdArray<FloatArray>,
  input: string | undefined,
): Port {
  const [feed] = inputs
  if (!feed || inputs.length > 1 || (input !== undefined && feed.name !== input))
    throw new DepthgateError(
      'onnx',
      `${file}: has the inputs ${inputs.map(describePort).join(', ') || 'none'}, expected one${input === undefined ? '' : ` named ${JSON.stringify(input)}`}. Correct \`input\` in the config, or export the model with one input`,
    )
  if (feed.type !== 'float32')
    throw new DepthgateError(
      'onnx',
      `${file}: input ${describePort(feed)} is not float32. Keep the graph's inputs and outputs in float32`,
    )
  const fits =
    feed.shape.length === tensor.shape.length &&
    feed.shape.every((length, axis) => typeof length === 'string' || length === tensor.shape[axis])
  if (!fits)
    throw new DepthgateError(
      'onnx',
      `${file}: input ${describePort(feed)} does not take the scene's tensor of ${formatShape(tensor.shape)}. ${isChannelsLast(feed.shape, tensor.shape) ? 'Its layout is NHWC, and NCHW is fed: export it as NCHW, or let it begin with a Transpose of perm 0, 3, 1, 2' : 'Export at the size that the goldens were captured with'}`,
    )
  return feed
}

/** Whether a network wants N×H×W×C where N×C×H×W is fed. */
function isChannelsLast(wanted: Port['shape'], fed: readonly number[]): boolean {
  const channels = fed[1]
  return wanted.length === 4 && fed.length === 4 && wanted[3] === channels && wanted[1] !== channels
}

/** Throws unless there is an output of this name and a type that can be judged. */
export function checkFetch(
  file: string,
  outputs: readonly Port[],
  name: string,
  readable: ReadonlySet<string>,
): void {
  const found = outputs.find(output => output.name === name)
  if (!found)
    throw new DepthgateError(
      'onnx',
      `${file}: has no output ${JSON.stringify(name)}${didYouMean(
        name,
        outputs.map(output => output.name),
      )} Name it in the config: \`outputs: { NAME: { onnx: '…' } }\``,
    )
  if (!readable.has(found.type))
    throw new DepthgateError(
      'onnx',
      `${file}: output ${describePort(found)} is not a float type that can be judged. Keep the graph's outputs in float32`,
    )
}

function describePort({ name, type, shape }: Port): string {
  return `${name} (${type} ${shape.join('×') || 'scalar'})`
}
