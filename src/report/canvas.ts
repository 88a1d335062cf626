import ndarray, { type NdArray } from 'ndarray'
import { glyph, glyphHeight, glyphWidth } from './font.ts'

export type Colour = readonly [red: number, green: number, blue: number]

/** An RGB picture [height, width, 3] to draw on. */
export class Canvas {
  readonly image: NdArray<Uint8Array>

  constructor(height: number, width: number, background: Colour) {
    const pixels = new Uint8Array(height * width * 3)
    for (let i = 0; i < pixels.length; i += 3) pixels.set(background, i)
    this.image = ndarray(pixels, [height, width, 3])
  }

  /** Fills a rectangle; what lies outside the picture is left out. */
  fill(left: number, top: number, width: number, height: number, [red, green, blue]: Colour): void {
    const [rows = 0, columns = 0] = this.image.shape
    const pixels = this.image.data
    for (let y = Math.max(0, top); y < Math.min(rows, top + height); y++)
      for (let x = Math.max(0, left); x < Math.min(columns, left + width); x++) {
        const at = (y * columns + x) * 3
        pixels[at] = red
        pixels[at + 1] = green
        pixels[at + 2] = blue
      }
  }

  /** Draws a packed picture, which must fit, with every pixel `zoom` wide and high. */
  draw(left: number, top: number, picture: NdArray<Uint8Array>, zoom: number): void {
    const [height = 0, width = 0] = picture.shape
    const [, columns = 0] = this.image.shape
    const [from, to] = [picture.data, this.image.data]
    for (let y = 0; y < height * zoom; y++)
      for (let x = 0; x < width * zoom; x++) {
        const source = (Math.floor(y / zoom) * width + Math.floor(x / zoom)) * 3
        const target = ((top + y) * columns + left + x) * 3
        to[target] = from[source]!
        to[target + 1] = from[source + 1]!
        to[target + 2] = from[source + 2]!
      }
  }

  /** Draws the four sides of a rectangle, `line` thick, around the given area. */
  frame(left: number, top: number, width: number, height: number, line: number, colour: Colour): void {
    this.fill(left - line, top - line, width + 2 * line, line, colour)
    this.fill(left - line, top + height, width + 2 * line, line, colour)
    this.fill(left - line, top, line, height, colour)
    this.fill(left + width, top, line, height, colour)
  }

  /** Writes text with its left, centre or right at `x`. */
  text(
    x: number,
    top: number,
    text: string,
    zoom: number,
    colour: Colour,
    align: 'left' | 'centre' | 'right' = 'left',
  ): void {
    const width = textWidth(text, zoom)
    let left = align === 'left' ? x : align === 'right' ? x - width : x - Math.floor(width / 2)
    for (const character of text) {
      for (const [i, on] of glyph(character).entries())
        if (on)
          this.fill(
            left + (i % glyphWidth) * zoom,
            top + Math.floor(i / glyphWidth) * zoom,
            zoom,
            zoom,
            colour,
          )
      left += (glyphWidth + 1) * zoom
    }
  }
}

export function textWidth(text: string, zoom: number): number {
  return [...text].length * (glyphWidth + 1) * zoom - zoom
}

export const textHeight = (zoom: number) => glyphHeight * zoom
