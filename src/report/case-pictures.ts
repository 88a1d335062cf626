import { encode as encodeJpeg } from 'jpeg-js'
import ndarray, { type NdArray } from 'ndarray'
import type { DepthMap } from '../depth/depth-map.ts'
import { encodePalette } from '../depth/palette-png.ts'
import { encodeImage } from '../depth/png.ts'
import { inverseOf, type Limits, previewLimits } from '../depth/preview.ts'
import type { MapVerdict } from '../gate/verdict.ts'
import { isInverse } from '../golden/kinds.ts'
import type { OutputKind } from '../golden/manifest.ts'
import { errorReach, relativeError } from './panels.ts'

/** PNGs of one size: golden, engine and signed relative error. */
export interface Panels {
  golden: Uint8Array
  engine: Uint8Array
  error: Uint8Array
}

/** What the colours of a depth map mean. */
export interface Colours {
  kind: 'depth' | 'inverse'
  /** Inverse depths of the coldest and the warmest colour. */
  limits: Limits
}

/** What the colours of panels mean; it is one scale for golden and engine. */
export interface Scale extends Colours {
  /** Relative error of the deepest red; its negative is the deepest blue. */
  reach: number
}

/** The n for which every n-th pixel keeps the longer side within `side`. */
export function stepFor([height = 0, width = 0]: readonly number[], side: number): number {
  return Math.max(1, Math.ceil(Math.max(height, width) / side))
}

/** The colours for a pair of maps, from a thinned golden: finding quantiles of every pixel would take longer than painting. */
export function scaleFor(golden: DepthMap, verdict: MapVerdict): Scale {
  return { ...coloursFor(golden, verdict.kind), reach: errorReach(verdict) }
}

/** The colours for a golden, from the same. */
export function coloursFor(golden: DepthMap, output: OutputKind): Colours {
  const kind = isInverse(output) ? 'inverse' : 'depth'
  const step = stepFor(golden.shape, 512)
  return { kind, limits: previewLimits(golden.step(step, step), kind) }
}

/** Every `step`-th pixel of a map. */
export function paintDepth(map: DepthMap, step: number, { kind, limits }: Colours): Uint8Array {
  const thin = map.step(step, step)
  const [height = 0, width = 0] = thin.shape
  const [from, to] = limits
  return encodePalette(inverseOf(thin, kind), height, width, { map: 'turbo', from, to })
}

/** Every `step`-th pixel of golden and engine; of the error the largest of each step × step pixels. */
export function paintPanels(golden: DepthMap, actual: DepthMap, step: number, scale: Scale): Panels {
  const { reach } = scale
  const [height = 0, width = 0] = golden.shape.map(length => Math.ceil(length / step))
  return {
    golden: paintDepth(golden, step, scale),
    engine: paintDepth(actual, step, scale),
    error: encodePalette(relativeError(golden, actual, step), height, width, {
      map: 'redBlue',
      from: -reach,
      to: reach,
    }),
  }
}

/** Beyond this a photograph is better off as JPEG. */
const smallPng = 24_000

/** The scene as a picture no larger than `side`: each pixel is the mean of step × step. */
export function paintInput(picture: NdArray<Uint8Array>, side: number): { type: string; bytes: Uint8Array } {
  const small = shrink(picture, stepFor(picture.shape, side))
  const png = encodeImage(small)
  if (png.length <= smallPng) return { type: 'image/png', bytes: png }
  const [height = 0, width = 0] = small.shape
  const rgba = new Uint8Array(height * width * 4).fill(255)
  for (let i = 0, o = 0; i < small.data.length; i += 3, o += 4) rgba.set(small.data.subarray(i, i + 3), o)
  return { type: 'image/jpeg', bytes: encodeJpeg({ width, height, data: rgba }, 82).data }
}

function shrink(picture: NdArray<Uint8Array>, step: number): NdArray<Uint8Array> {
  const [height = 0, width = 0] = picture.shape
  const [rows, columns] = [Math.ceil(height / step), Math.ceil(width / step)]
  const small = new Uint8Array(rows * columns * 3)
  for (let y = 0, o = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let channel = 0; channel < 3; channel++) small[o++] = mean(y * step, x * step, channel)
  return ndarray(small, [rows, columns, 3])

  function mean(top: number, left: number, channel: number): number {
    let sum = 0
    let count = 0
    for (let y = top; y < Math.min(height, top + step); y++)
      for (let x = left; x < Math.min(width, left + step); x++, count++) sum += picture.get(y, x, channel)
    return Math.round(sum / count)
  }
}

/** A tensor [1, channels, H, W] as a picture: three channels are red, green and blue, each from its least to its greatest value. */
export function pictureOfTensor(
  tensor: NdArray<Float32Array | Float64Array>,
): NdArray<Uint8Array> | undefined {
  if (tensor.shape.length !== 4 || tensor.shape[0] !== 1) return undefined
  const [, channels = 0, height = 0, width = 0] = tensor.shape
  const pixels = new Uint8Array(height * width * 3)
  for (let channel = 0; channel < 3; channel++) {
    const plane = tensor.pick(0, channels === 3 ? channel : 0)
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = plane.get(y, x)
        if (value < low) low = value
        if (value > high) high = value
      }
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        pixels[(y * width + x) * 3 + channel] =
          high > low ? Math.round((255 * (plane.get(y, x) - low)) / (high - low)) : 0
  }
  return ndarray(pixels, [height, width, 3])
}
