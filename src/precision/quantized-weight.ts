import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import { floatsOf } from '../onnx/floats.ts'
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { largestE4M3, roundToEven, toE4M3 } from './fp8.ts'

export const quantizedFormats = ['int8', 'fp8'] as const
export type QuantizedFormat = (typeof quantizedFormats)[number]

export function isQuantized(precision: string | undefined): precision is QuantizedFormat {
  return quantizedFormats.some(format => format === precision)
}

export const quantizedType = {
  int8: TensorProto_DataType.INT8,
  fp8: TensorProto_DataType.FLOAT8E4M3FN,
} as const
/** int8 is symmetric: no scale counts on -128. */
const largest = { int8: 127, fp8: largestE4M3 } as const
/**
 * The scales with which magnitudes up to `ranges`, of one tensor or of each of its channels, fill a format. What is 0
 * throughout is 0 at any scale. None is a subnormal number: below all that networks hold, it could be taken for 0. Pure.
 */
export function scalesFor(format: QuantizedFormat, ranges: ArrayLike<number>): Float32Array {
  return Float32Array.from(ranges, range => (range === 0 ? 1 : Math.max(range / largest[format], 2 ** -126)))
}

/**
 * Quantises a weight symmetrically: by its largest magnitude as a whole or, where `axis` is given, channel by channel.
 * Rounded to nearest, ties to even. Returns whole numbers, or float8, and the scales that give the weight back. Throws
 * where a value is not finite.
 */
export function quantizeWeight(
  tensor: TensorProto,
  axis: number | undefined,
  format: QuantizedFormat,
  file: string,
): { data: TensorProto; scales: Float32Array } {
  const values = floatsOf(tensor, file)!
  const dims = tensor.dims.map(Number)
  const channels = axis === undefined ? 1 : dims[axis]!
  const inner = axis === undefined ? values.length : dims.slice(axis + 1).reduce((a, b) => a * b, 1)
  const channelOf = (i: number) => Math.floor(i / inner) % channels

  const ranges = new Float64Array(channels)
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!)
    if (!(magnitude < Number.POSITIVE_INFINITY))
      throw new DepthgateError(
        'precision',
        `${file}: the weight ${tensor.name} holds ${values[i]}, which cannot be quantised. Keep the nodes that read it, or export the model again`,
      )
    const channel = channelOf(i)
    if (magnitude > ranges[channel]!) ranges[channel] = magnitude
  }
  const scales = scalesFor(format, ranges)
  const bytes = new Uint8Array(values.length)
  for (let i = 0; i < values.length; i++) {
    // in float32, as QuantizeLinear divides
    const steps = Math.fround(values[i]! / scales[channelOf(i)]!)
    bytes[i] = format === 'fp8' ? toE4M3(steps) : Math.max(-127, Math.min(127, roundToEven(steps)))
  }
  const data = create(TensorProtoSchema, {
    dims: tensor.dims,
    dataType: quantizedType[format],
    rawData: bytes,
  })
  return { data, scales }
}
