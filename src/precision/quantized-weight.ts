import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import { floatsOf } from '../onnx/floats.ts'
import { type TensorProto, TensorProto_DataType, TensorProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { largestE4M3, roundToEven, toE4M3 } from './fp8.ts'
import { roundedFormats, roundTo } from './round.ts'

export const quantizedFormats = ['int8', 'fp8'] as const
export type QuantizedFormat = (typeof quantizedFormats)[number]

/** What a quantised network computes in where it is not quantised; scales are of that format too. */
export const rests = ['fp32', ...roundedFormats] as const
export type Rest = (typeof rests)[number]

export const quantizedType = {
  int8: TensorProto_DataType.INT8,
  fp8: TensorProto_DataType.FLOAT8E4M3FN,
} as const
/** int8 is symmetric: no scale counts on -128. */
const largest = { int8: 127, fp8: largestE4M3 } as const
/** What QuantizeLinear gives nevertheless, for values beyond the range. */
const farthest = { int8: 128, fp8: largestE4M3 } as const

/** The smallest normal number of a format and its largest. Below, a number has fewer digits, and a GPU may take it for 0. */
const normal = {
  fp32: [2 ** -126, Number.POSITIVE_INFINITY],
  fp16: [2 ** -14, 65504],
  bf16: [2 ** -126, (2 - 2 ** -7) * 2 ** 127],
} as const

/** Scales, or why the format of the rest has no such numbers. */
export type Scales =
  /** `floored`: how many channels have the smallest normal number, because theirs would be smaller. */
  { type: 'fits'; scales: Float32Array; floored: number } | { type: 'unfit'; reason: string }

/**
 * The scales with which magnitudes up to `ranges`, of one tensor or of each of its channels, fill a format. What is 0
 * throughout is 0 at any scale. A channel whose scale would not be a normal number gets the smallest: its steps are then
 * no coarser than those of the largest channel. Where that one's scale would not be normal either, or the largest value
 * would not come back finite, the tensor is unfit. FP32's own limits are below and beyond all that networks hold. Pure.
 */
export function scalesFor(format: QuantizedFormat, ranges: ArrayLike<number>, rest: Rest = 'fp32'): Scales {
  const [smallest, greatest] = normal[rest]
  const exact = Float32Array.from(ranges, range => range / largest[format])
  const nearest = rest === 'fp32' ? exact : roundTo(rest, exact).values
  const most = exact.reduce((a, b) => Math.max(a, b), 0)
  const unfit = (what: string): Scales => ({
    type: 'unfit',
    reason: `its scale of ${Number(most.toPrecision(3))} ${what} ${rest}`,
  })
  if (rest !== 'fp32' && most > 0 && nearest.every(scale => scale < smallest))
    return unfit('is below the smallest normal')
  if (nearest.some(scale => scale * farthest[format] > greatest))
    return unfit('gives values beyond the largest')
  let floored = 0
  const scales = nearest.map((scale, channel) => {
    if (ranges[channel] === 0) return 1
    if (scale >= smallest) return scale
    floored++
    return smallest
  })
  return { type: 'fits', scales, floored }
}

/** A float32 weight as whole numbers, or as float8, and the scales that give it back; or why it has none. */
export type QuantizedWeight =
  | (Extract<Scales, { type: 'fits' }> & { data: TensorProto })
  | Extract<Scales, { type: 'unfit' }>

/**
 * Quantises a weight symmetrically: by its largest magnitude as a whole or, where `axis` is given, channel by channel.
 * Rounded to nearest, ties to even. Throws where a value is not finite.
 */
export function quantizeWeight(
  tensor: TensorProto,
  axis: number | undefined,
  { format, rest }: { format: QuantizedFormat; rest: Rest },
  file: string,
): QuantizedWeight {
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
  const found = scalesFor(format, ranges, rest)
  if (found.type === 'unfit') return found
  const { scales } = found
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
  return { ...found, data }
}
