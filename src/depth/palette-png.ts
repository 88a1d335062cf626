import { crc32 } from 'node:zlib'
import { PNG } from 'pngjs'
import { DepthgateError } from '../base/errors.ts'
import { type ColormapName, colormap, entryOf, magenta } from './colormap.ts'
import type { FloatArray } from './depth-map.ts'

interface PaletteOptions {
  map: ColormapName
  /** The value that gets the first colour. */
  from: number
  /** The value that gets the last colour; may lie below `from`. */
  to: number
}

/**
 * The bytes of a PNG of row-major values whose palette is the colour map: one byte a pixel before compression, where
 * `paint` and `encodeImage` take three. What is no finite number is magenta, which takes the place of the first
 * colour; values there get the second, which no eye tells from it.
 */
export function encodePalette(
  values: FloatArray,
  height: number,
  width: number,
  { map, from, to }: PaletteOptions,
): Uint8Array {
  if (values.length !== height * width || values.length === 0)
    throw new DepthgateError(
      'shape',
      `picture: ${values.length} values do not fill ${height}×${width}. Pass its own shape`,
    )
  const picture = new PNG({ width, height })
  picture.data = Buffer.alloc(values.length)
  for (let i = 0; i < values.length; i++)
    picture.data[i] = Number.isFinite(values[i]) ? Math.max(1, entryOf(values[i]!, from, to)) : 0
  const palette = colormap(map).slice()
  palette.set(magenta, 0)
  return withPalette(
    PNG.sync.write(picture, { colorType: 0, inputColorType: 0, bitDepth: 8, inputHasAlpha: false }),
    palette,
  )
}

/**
 * Turns an 8-bit grey PNG into one with a palette: both hold one byte a pixel, so only the header's colour type and the
 * PLTE chunk behind it differ. PNG specification, third edition, 11.2.1 and 11.2.2; pngjs writes no palettes.
 */
function withPalette(grey: Buffer, palette: Uint8Array): Uint8Array {
  const [header, colourType] = [8, 25]
  const headerEnd = header + 4 + 4 + 13 + 4
  const out = Buffer.concat([grey.subarray(0, headerEnd), chunk('PLTE', palette), grey.subarray(headerEnd)])
  out[colourType] = 3
  out.writeUInt32BE(crc32(out.subarray(header + 4, headerEnd - 4)), headerEnd - 4)
  return out
}

function chunk(type: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, 'latin1')
  out.set(data, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}
