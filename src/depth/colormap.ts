import { interpolateRdBu, interpolateTurbo } from 'd3-scale-chromatic'
import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import type { FloatArray } from './depth-map.ts'

type Colour = readonly [red: number, green: number, blue: number]

/** `turbo`: dark blue to dark red through green. `redBlue`: blue below, white at the middle, red above. */
export type ColormapName = 'turbo' | 'redBlue'

interface PaintOptions {
  map: ColormapName
  /** The value that gets the first colour. */
  from: number
  /** The value that gets the last colour; may lie below `from`, which turns the map round. */
  to: number
  /** The colour of pixels that are no finite number: magenta unless given, which no map contains. */
  invalid?: Colour
}

export const magenta: Colour = [255, 0, 255]

/** The entry in the middle: a value half way between `from` and `to` rounds up to it. */
const middle = 128

const makers: Record<ColormapName, () => Uint8Array> = {
  turbo: () => table(i => channels(interpolateTurbo(i / 255))),
  redBlue: () => {
    const centre = channels(interpolateRdBu(0.5))
    return table(i => {
      // −1 … 1, exactly 0 at the middle entry; the first of the 256 repeats the second
      const t = Math.max(-1, (i - middle) / (255 - middle))
      const colour = channels(interpolateRdBu((1 - t) / 2))
      // the scale's own centre is a light grey; lift it so that "no difference" is white
      return colour.map((c, k) => Math.min(255, Math.round(c + (255 - centre[k]!) * (1 - Math.abs(t)))))
    })
  },
}
const tables = new Map<ColormapName, Uint8Array>()

/** The 256 colours of a map as r, g, b, r, g, b, … Built on first use; do not write to it. */
export function colormap(name: ColormapName): Uint8Array {
  let colours = tables.get(name)
  if (!colours) {
    colours = makers[name]()
    tables.set(name, colours)
  }
  return colours
}

/**
 * A [height, width, 3] picture of row-major values: linear between `from` and `to`, clamped at both. Where `from`
 * equals `to`, that value gets the middle colour, smaller ones the first and greater ones the last.
 */
export function paint(
  values: FloatArray,
  height: number,
  width: number,
  options: PaintOptions,
): NdArray<Uint8Array> {
  if (values.length !== height * width)
    throw new DepthgateError(
      'shape',
      `picture: ${values.length} values do not fill ${height}×${width}. Pass its own shape`,
    )
  const { map, from, to, invalid = magenta } = options
  if (!Number.isFinite(from) || !Number.isFinite(to))
    throw new DepthgateError('range', `picture: cannot be painted from ${from} to ${to}. Pass finite limits`)
  const colours = colormap(map)
  const pixels = new Uint8Array(values.length * 3)
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!
    if (!Number.isFinite(value)) {
      pixels.set(invalid, i * 3)
      continue
    }
    const entry = 3 * entryOf(value, from, to)
    pixels[i * 3] = colours[entry]!
    pixels[i * 3 + 1] = colours[entry + 1]!
    pixels[i * 3 + 2] = colours[entry + 2]!
  }
  return ndarray(pixels, [height, width, 3])
}

/** The colour, 0 … 255, of a finite value: linear between `from` and `to`, clamped at both. */
export function entryOf(value: number, from: number, to: number): number {
  return from === to ? step(value - from) : Math.round(255 * clamp((value - from) / (to - from)))
}

function step(difference: number): number {
  return difference === 0 ? middle : difference < 0 ? 0 : 255
}

function clamp(t: number): number {
  return t > 0 ? Math.min(t, 1) : 0
}

function table(colourAt: (entry: number) => readonly number[]): Uint8Array {
  const colours = new Uint8Array(256 * 3)
  for (let i = 0; i < 256; i++) colours.set(colourAt(i), i * 3)
  return colours
}

/** "rgb(1, 2, 3)" as numbers. */
function channels(css: string): number[] {
  return (css.match(/\d+/g) ?? []).map(Number)
}
