import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'
import ndarray from 'ndarray'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeImage, readImage } from '../../../src/depth/png.ts'
import { errorOf } from '../../helpers/error-of.ts'

let folder: string
let path: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'depthgate-png-'))
  path = join(folder, 'scene.png')
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')

function chunk(type: string, data: Uint8Array = new Uint8Array(0)): Buffer {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length, 0)
  out.write(type, 4, 'latin1')
  out.set(data, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}

interface Parts {
  width?: number
  height?: number
  depth?: number
  colour?: number
  interlace?: number
  /** Filter bytes and samples, before compression. */
  rows?: number[]
  /** Compressed data in place of `rows`. */
  packed?: Uint8Array
  /** Chunks between the header and the pixels. */
  extra?: Buffer[]
}

/** A PNG of any kind, right or wrong, with right checksums. 2×1 RGB unless told otherwise. */
function png(parts: Parts = {}): Buffer {
  const { width = 2, height = 1, depth = 8, colour = 2, interlace = 0, extra = [] } = parts
  const { rows = [0, 1, 2, 3, 4, 5, 6], packed = deflateSync(Uint8Array.from(rows)) } = parts
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, colour, 0, 0, interlace], 8)
  return Buffer.concat([signature, chunk('IHDR', header), ...extra, chunk('IDAT', packed), chunk('IEND')])
}

function read(bytes: Uint8Array): { shape: number[]; pixels: number[] } {
  writeFileSync(path, bytes)
  const { shape, data } = readImage(path)
  return { shape, pixels: [...data] }
}

const palette = chunk('PLTE', Uint8Array.of(1, 2, 3, 250, 251, 252))

describe('readImage', () => {
  test.each<[string, Parts, number[]]>([
    ['RGB', {}, [1, 2, 3, 4, 5, 6]],
    ['RGBA, opaque', { colour: 6, rows: [0, 1, 2, 3, 255, 4, 5, 6, 255] }, [1, 2, 3, 4, 5, 6]],
    ['grey', { colour: 0, rows: [0, 7, 200] }, [7, 7, 7, 200, 200, 200]],
    ['grey of 1 bit', { colour: 0, depth: 1, rows: [0, 0b01000000] }, [0, 0, 0, 255, 255, 255]],
    ['grey of 2 bits', { colour: 0, depth: 2, rows: [0, 0b01100000] }, [85, 85, 85, 170, 170, 170]],
    ['grey of 4 bits', { colour: 0, depth: 4, rows: [0, 0x1f] }, [17, 17, 17, 255, 255, 255]],
    ['grey with alpha, opaque', { colour: 4, rows: [0, 7, 255, 9, 255] }, [7, 7, 7, 9, 9, 9]],
    ['palette', { colour: 3, rows: [0, 1, 0], extra: [palette] }, [250, 251, 252, 1, 2, 3]],
    [
      'palette of 1 bit',
      { colour: 3, depth: 1, rows: [0, 0b10000000], extra: [palette] },
      [250, 251, 252, 1, 2, 3],
    ],
    [
      'palette with opaque alpha',
      { colour: 3, rows: [0, 1, 0], extra: [palette, chunk('tRNS', Uint8Array.of(255, 255))] },
      [250, 251, 252, 1, 2, 3],
    ],
    [
      'a transparent colour that no pixel has',
      { extra: [chunk('tRNS', Uint8Array.of(0, 9, 0, 9, 0, 9))] },
      [1, 2, 3, 4, 5, 6],
    ],
    ['the filter that adds the left neighbour', { rows: [1, 1, 2, 3, 4, 5, 6] }, [1, 2, 3, 5, 7, 9]],
    ['interlaced', { interlace: 1, rows: [0, 1, 2, 3, 0, 4, 5, 6] }, [1, 2, 3, 4, 5, 6]],
    [
      'gamma and colour space are not applied',
      { extra: [chunk('gAMA', Uint8Array.of(0, 0, 0x40, 0)), chunk('sRGB', Uint8Array.of(1))] },
      [1, 2, 3, 4, 5, 6],
    ],
  ])('%s', (_, parts, pixels) => {
    expect(read(png(parts))).toEqual({ shape: [1, 2, 3], pixels })
  })

  test('reads an interlaced picture whose seven passes all have pixels', () => {
    const size = 9
    const sample = (x: number, y: number) => y * size + x
    const rows: number[] = []
    const passes = [
      [0, 0, 8, 8],
      [4, 0, 8, 8],
      [0, 4, 4, 8],
      [2, 0, 4, 4],
      [0, 2, 2, 4],
      [1, 0, 2, 2],
      [0, 1, 1, 2],
    ] as const
    for (const [left, top, stepX, stepY] of passes)
      for (let y = top; y < size; y += stepY) {
        rows.push(0)
        for (let x = left; x < size; x += stepX) rows.push(sample(x, y))
      }
    const { pixels } = read(png({ width: size, height: size, colour: 0, interlace: 1, rows }))
    expect(pixels).toEqual(Array.from({ length: size * size * 3 }, (_, i) => Math.floor(i / 3)))
  })

  test('reads pixels that lie in several chunks', () => {
    const packed = deflateSync(Uint8Array.of(0, 1, 2, 3, 4, 5, 6))
    const whole = png()
    const before = whole.subarray(0, 33)
    const pieces = [...packed].map(byte => chunk('IDAT', Uint8Array.of(byte)))
    expect(read(Buffer.concat([before, ...pieces, chunk('IEND')])).pixels).toEqual([1, 2, 3, 4, 5, 6])
  })
})

const convert = 'Convert it to an 8-bit PNG'
const again = 'Copy or export the picture again'
const flatten = 'A network sees three channels: flatten the picture onto a background'
const wide = 'Convert it to 8 bits, or save a depth map with numpy.save'
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const good = png()
const zlib = deflateSync(Uint8Array.of(0, 1, 2, 3, 4, 5, 6))

test.each<[string, Uint8Array, string]>([
  ['no bytes', latin1(''), 'is empty. The program that wrote it may have stopped: run it again'],
  ['text', latin1('hello'), `is no PNG. ${convert}`],
  ['a JPEG', latin1('\xff\xd8\xff\xe0....JFIF'), `is no PNG, it looks like a JPEG. ${convert}`],
  ['a WebP', latin1('RIFF\x10\0\0\0WEBPVP8 '), `is no PNG, it looks like a WebP. ${convert}`],
  ['a GIF', latin1('GIF89a......'), `is no PNG, it looks like a GIF. ${convert}`],
  ['an .npy', latin1('\x93NUMPY\x01\0'), `is no PNG, it looks like an .npy file. ${convert}`],
  [
    'a PNG copied as text',
    latin1('\x89PNG\n\x1a\n\0\0\0'),
    `is no PNG, it looks like a PNG whose line ends were changed as if it were text. ${convert}`,
  ],
  ['half a signature', signature.subarray(0, 5), `is a truncated PNG. ${again}`],
  ['only a signature', signature, `is a truncated PNG. ${again}`],
  ['no end', good.subarray(0, -12), `is a truncated PNG. ${again}`],
  [
    'a chunk that claims 4 GB',
    Buffer.concat([signature, Buffer.alloc(8, 255), Buffer.alloc(20)]),
    `is a truncated PNG. ${again}`,
  ],
  [
    'bytes behind the end',
    Buffer.concat([good, latin1('xy')]),
    `has 2 bytes after the end of the PNG. ${again}`,
  ],
  ['no header', Buffer.concat([signature, chunk('IEND')]), `is a damaged PNG (it has no header). ${again}`],
  [
    'no pixels',
    Buffer.concat([good.subarray(0, 33), chunk('IEND')]),
    `is a damaged PNG (unexpected end of file). ${again}`,
  ],
  [
    'a wrong checksum',
    Buffer.from(good).fill(9, 47, 48),
    `is a damaged PNG (wrong checksum of "IDAT" at byte 33). ${again}`,
  ],
  [
    'cut compressed data',
    png({ packed: zlib.subarray(0, -6) }),
    `is a damaged PNG (unexpected end of file). ${again}`,
  ],
  [
    'no compressed data',
    png({ packed: latin1('hello') }),
    `is a damaged PNG (incorrect header check). ${again}`,
  ],
  [
    'a pixel too few',
    png({ rows: [0, 1, 2, 3] }),
    `is a damaged PNG (7 bytes of pixels expected, found 4). ${again}`,
  ],
  [
    'a byte too many',
    png({ rows: [0, 1, 2, 3, 4, 5, 6, 7] }),
    `is a damaged PNG (7 bytes of pixels expected, found 8). ${again}`,
  ],
  [
    'a bomb',
    png({ packed: deflateSync(new Uint8Array(1e6)) }),
    `is a damaged PNG (Cannot create a Buffer larger than 8 bytes). ${again}`,
  ],
  [
    'an unknown filter',
    png({ rows: [9, 1, 2, 3, 4, 5, 6] }),
    `is a damaged PNG (Unrecognised filter type - 9). ${again}`,
  ],
  [
    'a colour out of the palette',
    png({ colour: 3, rows: [0, 0, 7], extra: [palette] }),
    `is a damaged PNG (index 7 not in palette). ${again}`,
  ],
  [
    'no palette',
    png({ colour: 3, rows: [0, 0, 1] }),
    `is a damaged PNG (Expected palette not found). ${again}`,
  ],
  [
    'colour type 5',
    png({ colour: 5 }),
    `is a damaged PNG (its header holds values that do not exist). ${again}`,
  ],
  [
    'RGB of 1 bit',
    png({ depth: 1 }),
    `is a damaged PNG (its header holds values that do not exist). ${again}`,
  ],
  ['no width', png({ width: 0 }), `claims to be 0×1 pixels, this reads 1 to 2^28. ${again}`],
  [
    '4 billion columns',
    png({ width: 2 ** 32 - 1, height: 2 ** 31 }),
    `claims to be 4294967295×2147483648 pixels, this reads 1 to 2^28. ${again}`,
  ],
  ['16-bit grey', png({ depth: 16, colour: 0, rows: [0, 1, 2, 3, 4] }), `has 16 bits a channel. ${wide}`],
  ['16-bit RGB', png({ depth: 16 }), `has 16 bits a channel. ${wide}`],
  [
    'a pixel that is nearly opaque',
    png({ colour: 6, rows: [0, 1, 2, 3, 255, 4, 5, 6, 254] }),
    `is not opaque (pixel x 1, y 0). ${flatten}`,
  ],
  [
    'grey with alpha',
    png({ colour: 4, rows: [0, 7, 0, 9, 255] }),
    `is not opaque (pixel x 0, y 0). ${flatten}`,
  ],
  [
    'a transparent palette entry',
    png({ colour: 3, rows: [0, 1, 0], extra: [palette, chunk('tRNS', Uint8Array.of(9))] }),
    `is not opaque (pixel x 1, y 0). ${flatten}`,
  ],
  [
    'a transparent colour',
    png({ extra: [chunk('tRNS', Uint8Array.of(0, 4, 0, 5, 0, 6))] }),
    `is not opaque (pixel x 1, y 0). ${flatten}`,
  ],
])('refuses %s', (_, bytes, message) => {
  const error = errorOf(() => read(bytes))
  expect(error.code).toBe('png')
  expect(error.message).toBe(`${path}: ${message}`)
})

test('refuses a missing file and a directory', () => {
  const none = join(folder, 'none.png')
  expect(errorOf(() => readImage(none)).message).toBe(
    `${none}: does not exist. Check the path; scenes are 8-bit PNG files`,
  )
  expect(errorOf(() => readImage(folder)).message).toBe(
    `${folder}: is a directory, not a file. Check the path; scenes are 8-bit PNG files`,
  )
})

test('every cut and every changed byte of a good file is refused', () => {
  for (let length = 0; length < good.length; length++)
    expect(errorOf(() => read(good.subarray(0, length))).message).toMatch(/is (empty|a truncated PNG)\./)
  for (let at = 0; at < good.length; at++) {
    const changed = Buffer.from(good)
    changed[at]! ^= 0x55
    expect(errorOf(() => read(changed)).code).toBe('png')
  }
})

describe('encodeImage', () => {
  test('comes back with the same pixels, all 256 values of them', () => {
    const pixels = Uint8Array.from({ length: 17 * 31 * 3 }, (_, i) => (i * 7) % 256)
    const file = encodeImage(ndarray(pixels, [17, 31, 3]))
    expect(read(file)).toEqual({ shape: [17, 31, 3], pixels: [...pixels] })
    // bit depth 8, colour type 2 (RGB), not interlaced
    expect([...file.subarray(24, 29)]).toEqual([8, 2, 0, 0, 0])
  })

  test('writes strided views', () => {
    const image = ndarray(Uint8Array.of(1, 2, 3, 4, 5, 6), [2, 1, 3]).transpose(1, 0, 2)
    expect(read(encodeImage(image))).toEqual({ shape: [1, 2, 3], pixels: [1, 2, 3, 4, 5, 6] })
  })

  test.each([
    [[2, 3], '2×3'],
    [[1, 1, 4], '1×1×4'],
    [[0, 1, 3], '0×1×3'],
  ])('refuses the shape %j', (shape, words) => {
    const length = shape.reduce((a, b) => a * b)
    expect(errorOf(() => encodeImage(ndarray(new Uint8Array(length), shape))).message).toBe(
      `picture: has the shape ${words}. A PNG is made of height×width×3`,
    )
  })
})
