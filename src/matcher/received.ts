import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import { asDepthMap, type DepthMap, type FloatArray, formatShape } from '../depth/depth-map.ts'

/**
 * What a test handed to `expect` as a depth map: an ndarray, an ONNX Runtime tensor, `{ data, shape }`, or a bare typed
 * array, which is taken to have the golden's shape. Throws on anything else, and on types other than floats.
 */
export function receivedMap(received: unknown, shape: readonly number[]): DepthMap {
  if (ArrayBuffer.isView(received)) {
    const data = floats(received)
    if (data.length !== shape[0]! * shape[1]!)
      throw new DepthgateError(
        'matcher',
        `toMatchGolden received ${data.length} values, the golden is ${formatShape(shape)}. Pass \`{ data, shape }\` where the shape differs`,
      )
    return ndarray(data, [...shape])
  }
  const tensor = received as Partial<NdArray<FloatArray> & { dims: readonly number[] }> | null
  const axes = tensor?.shape ?? tensor?.dims
  if (typeof tensor !== 'object' || !ArrayBuffer.isView(tensor?.data) || !Array.isArray(axes))
    throw new DepthgateError(
      'matcher',
      `toMatchGolden received ${describe(received)}: expected what infer() returns, an ndarray, an ONNX Runtime tensor, { data, shape } or a Float32Array`,
    )
  const data = floats(tensor.data)
  if (tensor.stride === undefined && axes.reduce((a, b) => a * b, 1) !== data.length)
    throw new DepthgateError(
      'matcher',
      `toMatchGolden received ${data.length} values that do not fill their shape ${formatShape(axes)}`,
    )
  return asDepthMap(ndarray(data, [...axes], tensor.stride, tensor.offset), 'the received array')
}

/** Compared by tag, not by instanceof: a test may run in another realm than the array's. */
function floats(data: ArrayBufferView): FloatArray {
  const tag = Object.prototype.toString.call(data).slice(8, -1)
  if (tag === 'Float32Array' || tag === 'Float64Array') return data as FloatArray
  if (tag === 'Float16Array') return Float32Array.from(data as unknown as ArrayLike<number>)
  const hint =
    tag === 'Uint16Array'
      ? ' If these are float16 bits, widen them to float32 first.'
      : ' Pass floats in the unit of the golden.'
  throw new DepthgateError('matcher', `toMatchGolden received a ${tag}: depth is judged in floats.${hint}`)
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  return Array.isArray(value) ? 'a plain array' : `a ${typeof value}`
}
