import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'

export type FloatArray = Float32Array | Float64Array

/** A map of height × width floats as an ndarray; rows run down, columns to the right. May be a strided view. */
export type DepthMap = NdArray<FloatArray>

/** Wraps packed row-major floats without copying. Throws when `data` does not hold height × width values. */
export function depthMap(data: FloatArray, height: number, width: number): DepthMap {
  if (data.length !== height * width)
    throw new DepthgateError('shape', `${data.length} values do not fill a ${height}×${width} map`)
  return ndarray(data, [height, width])
}

/**
 * Drops leading axes of length 1, so that a network's [1, 1, H, W] is a map of H × W.
 * `name` is how errors call the array. Throws when two axes are not what remains.
 */
export function asDepthMap(array: NdArray<FloatArray>, name: string): DepthMap {
  let map = array
  while (map.shape.length > 2 && map.shape[0] === 1) map = map.pick(0)
  if (map.shape.length === 2) return map
  const hint =
    map.shape.length > 2
      ? `It ${surplusAxes(array.shape)}`
      : 'Reshape it to height × width where it is written'
  throw new DepthgateError(
    'shape',
    `${name}: expected one depth map H×W, got ${formatShape(array.shape)}. ${hint}.`,
  )
}

/** No map is as narrow as this, and few networks give more maps at once. */
const fewChannels = 4

/** What an array of more than two axes is in the place of a map, and the way out. */
export function surplusAxes(shape: readonly number[]): string {
  const [channels = 1, height = 1, width = 1] = shape.slice(-3)
  if (width <= fewChannels && height > fewChannels && channels > fewChannels)
    return 'has its channels last: give one map H×W, without that axis'
  if (shape.length > 3 && channels > 1 && shape.slice(0, -3).every(length => length === 1))
    return `has ${channels} channels: give the one that is depth alone, in an ONNX as an output of its own`
  return 'is a batch: pick one map of it'
}

/** The map's values in row-major order: its own buffer where that is packed, else a copy. */
export function packed(map: DepthMap): FloatArray {
  const [height = 0, width = 0] = map.shape
  const { data } = map
  if (map.stride[1] === 1 && map.stride[0] === width)
    return map.offset === 0 && data.length === height * width
      ? data
      : data.subarray(map.offset, map.offset + height * width)
  const copy =
    data instanceof Float64Array ? new Float64Array(height * width) : new Float32Array(height * width)
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++) copy[i++] = map.get(y, x)
  return copy
}

export function formatShape(shape: readonly number[]): string {
  return shape.length === 0 ? 'a scalar' : shape.join('×')
}
