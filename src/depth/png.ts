import { crc32, inflateSync } from 'node:zlib'
import ndarray, { type NdArray } from 'ndarray'
import { PNG } from 'pngjs'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { readSource } from '../base/files.ts'
import { formatShape } from './depth-map.ts'
import { latin1, looksLike } from './source.ts'

const copyAgain = 'Copy or export the picture again'
/** 16384 × 16384: a header that claims more is damaged, or would fill the memory. */
const maxPixels = 2 ** 28

/** Reads an 8-bit PNG file as [height, width, 3]. See `parseImage`. */
export function readImage(path: string): NdArray<Uint8Array> {
  return parseImage(readSource(path, 'png', 'Check the path; scenes are 8-bit PNG files'), path)
}

/**
 * The pixels in the bytes of an 8-bit PNG as [height, width, 3], exactly as stored: no gamma, no colour profile. Grey
 * and palette pictures expand to RGB; an alpha channel is dropped if every pixel is opaque, else refused, as is all
 * that is no PNG, has 16 bits a channel or is damaged: errors with code `png` that begin with `name`.
 */
export function parseImage(bytes: Uint8Array, name: string): NdArray<Uint8Array> {
  checkFile(bytes, name)
  let picture: PNG
  try {
    picture = PNG.sync.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  } catch (cause) {
    throw broken(name, `is a damaged PNG (${messageOf(cause)})`, copyAgain, cause)
  }
  const { width, height, data: rgba } = picture
  const rgb = new Uint8Array(width * height * 3)
  for (let i = 0, o = 0; o < rgb.length; i += 4) {
    if (rgba[i + 3] !== 255) {
      const pixel = i / 4
      throw broken(
        name,
        `is not opaque (pixel x ${pixel % width}, y ${Math.floor(pixel / width)})`,
        'A network sees three channels: flatten the picture onto a background',
      )
    }
    rgb[o++] = rgba[i]!
    rgb[o++] = rgba[i + 1]!
    rgb[o++] = rgba[i + 2]!
  }
  return ndarray(rgb, [height, width, 3])
}

/** The bytes of an 8-bit RGB PNG of a [height, width, 3] picture. */
export function encodeImage(image: NdArray<Uint8Array>): Uint8Array {
  const [height = 0, width = 0, channels] = image.shape
  if (image.shape.length !== 3 || channels !== 3 || image.size === 0)
    throw new DepthgateError(
      'png',
      `picture: has the shape ${formatShape(image.shape)}. A PNG is made of height×width×3`,
    )
  const picture = new PNG({ width, height })
  for (let y = 0, o = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) picture.data[o++] = image.get(y, x, channel)
      picture.data[o++] = 255
    }
  return PNG.sync.write(picture, { colorType: 2, inputColorType: 6, bitDepth: 8 })
}

interface Header {
  width: number
  height: number
  depth: number
  colour: number
  interlaced: boolean
}

/**
 * Goes through the chunks before the decoder does. The decoder returns a black picture where the compressed data are
 * cut, damaged or too short, and says "unrecognised content at end of stream" for a wrong checksum.
 */
function checkFile(bytes: Uint8Array, name: string): void {
  if (bytes.length === 0)
    throw broken(name, 'is empty', 'The program that wrote it may have stopped: run it again')
  const signature = '\x89PNG\r\n\x1a\n'
  const start = latin1(bytes.subarray(0, signature.length))
  if (!signature.startsWith(start)) {
    const found = start.startsWith('\x89PNG')
      ? 'a PNG whose line ends were changed as if it were text'
      : looksLike(bytes)
    throw broken(
      name,
      found ? `is no PNG, it looks like ${found}` : 'is no PNG',
      'Convert it to an 8-bit PNG',
    )
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const compressed: Uint8Array[] = []
  let header: Header | undefined
  let at = signature.length
  for (let type = ''; type !== 'IEND'; ) {
    const length = at + 12 <= bytes.length ? view.getUint32(at) : Number.POSITIVE_INFINITY
    if (at + 12 + length > bytes.length) throw broken(name, 'is a truncated PNG', copyAgain)
    type = latin1(bytes.subarray(at + 4, at + 8))
    const data = bytes.subarray(at + 8, at + 8 + length)
    if (crc32(bytes.subarray(at + 4, at + 8 + length)) !== view.getUint32(at + 8 + length))
      throw broken(
        name,
        `is a damaged PNG (wrong checksum of ${JSON.stringify(type)} at byte ${at})`,
        copyAgain,
      )
    if (header === undefined) {
      header = checkHeader(type, data, name)
    } else if (type === 'IDAT') compressed.push(data)
    at += 12 + length
  }
  if (at < bytes.length)
    throw broken(name, `has ${bytes.length - at} bytes after the end of the PNG`, copyAgain)
  const expected = rawSize(header!)
  let raw: number
  try {
    // one byte more than expected tells "too long" from "right" without unpacking a bomb
    raw = inflateSync(Buffer.concat(compressed), { maxOutputLength: expected + 1 }).length
  } catch (cause) {
    throw broken(name, `is a damaged PNG (${messageOf(cause)})`, copyAgain, cause)
  }
  if (raw !== expected)
    throw broken(name, `is a damaged PNG (${expected} bytes of pixels expected, found ${raw})`, copyAgain)
}

function checkHeader(type: string, data: Uint8Array, name: string): Header {
  if (type !== 'IHDR' || data.length !== 13)
    throw broken(name, 'is a damaged PNG (it has no header)', copyAgain)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const width = view.getUint32(0)
  const height = view.getUint32(4)
  const [depth = 0, colour = 0, compression = 0, filter = 0, interlace = 0] = data.subarray(8)
  const size = `${width}×${height}`
  if (width === 0 || height === 0 || width * height > maxPixels)
    throw broken(name, `claims to be ${size} pixels, this reads 1 to 2^28`, copyAgain)
  if (!depthsOf[colour]?.includes(depth) || compression !== 0 || filter !== 0 || interlace > 1)
    throw broken(name, 'is a damaged PNG (its header holds values that do not exist)', copyAgain)
  if (depth === 16)
    throw broken(name, 'has 16 bits a channel', 'Convert it to 8 bits, or save a depth map with numpy.save')
  return { width, height, depth, colour, interlaced: interlace === 1 }
}

/** The bit depths that each colour type may have: PNG specification, third edition, table 12. */
const depthsOf: Record<number, number[]> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
}
const channelsOf: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }
/** Adam7: where each pass begins and how far apart its pixels are, as [x, y, step x, step y]. */
const passes = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const

/** Bytes of the pixels before compression: every row has one byte for its filter in front. */
function rawSize({ width, height, depth, colour, interlaced }: Header): number {
  const bits = depth * channelsOf[colour]!
  const size = (columns: number, rows: number) =>
    columns === 0 ? 0 : rows * (1 + Math.ceil((columns * bits) / 8))
  if (!interlaced) return size(width, height)
  return passes.reduce(
    (sum, [x, y, stepX, stepY]) =>
      sum + size(Math.max(0, Math.ceil((width - x) / stepX)), Math.max(0, Math.ceil((height - y) / stepY))),
    0,
  )
}

function broken(name: string, fault: string, wayOut: string, cause?: unknown): DepthgateError {
  return new DepthgateError('png', `${name}: ${fault}. ${wayOut}`, { cause })
}
