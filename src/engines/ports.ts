import type { NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import { thereAre } from '../base/names.ts'
import { type FloatArray, formatShape } from '../depth/depth-map.ts'
import { layoutHint, takesShape } from '../onnx/ports.ts'
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
  if (!takesShape(feed.shape, tensor.shape))
    throw new DepthgateError(
      'onnx',
      `${file}: input ${describePort(feed)} does not take the scene's tensor of ${formatShape(tensor.shape)}. ${layoutHint(feed.shape, tensor.shape) ?? 'Export at the size that the goldens were captured with'}`,
    )
  return feed
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
      `${file}: has no output ${JSON.stringify(name)}${thereAre(
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
