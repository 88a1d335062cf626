const magic = Buffer.from('DGF1')
/** A header is JSON of a few kilobytes; megabytes are garbage that happens to begin well. */
const headerLimit = 1 << 24
const arraysLimit = 2 ** 32

/** An array on its way to or from a worker: row-major, little-endian. */
export interface WireArray {
  name: string
  /** As TensorRT calls it: FLOAT, HALF, BF16, … */
  type: string
  shape: readonly number[]
  data: Uint8Array
}

export interface Frame {
  header: Readonly<Record<string, unknown>>
  arrays: WireArray[]
}

/** What cannot be a frame. */
export class FrameError extends Error {}

/** The pieces of one frame: `DGF1`, length of the header (uint32), header as JSON, bytes of the arrays. */
export function encodeFrame(header: object, arrays: readonly WireArray[] = []): Uint8Array[] {
  const described = arrays.map(({ name, type, shape, data }) => ({ name, type, shape, bytes: data.length }))
  const text = Buffer.from(JSON.stringify({ ...header, arrays: described }))
  const length = Buffer.alloc(4)
  length.writeUInt32LE(text.length)
  return [Buffer.concat([magic, length, text]), ...arrays.map(({ data }) => data)]
}

/** Puts frames together from pieces as they come. */
export class FrameReader {
  #pieces: Uint8Array[] = []
  #size = 0
  #header: (Frame['header'] & { arrays: (Omit<WireArray, 'data'> & { bytes: number })[] }) | undefined

  /** Whether a frame has begun and is not whole. */
  get inFrame(): boolean {
    return this.#size > 0 || this.#header !== undefined
  }

  /** The frames that are whole with this piece. Throws a FrameError for what is no frame, or too large. */
  push(piece: Uint8Array): Frame[] {
    this.#pieces.push(piece)
    this.#size += piece.length
    const frames: Frame[] = []
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | undefined {
    this.#header ??= this.#readHeader()
    if (!this.#header) return undefined
    const { arrays, ...header } = this.#header
    const bytes = arrays.reduce((sum, array) => sum + array.bytes, 0)
    if (bytes > arraysLimit) throw new FrameError(`a frame announces arrays of ${bytes} bytes`)
    if (this.#size < bytes) return undefined
    this.#header = undefined
    return {
      header,
      arrays: arrays.map(({ bytes, ...array }) => ({ ...array, data: this.#take(bytes) })),
    }
  }

  #readHeader() {
    const start = this.#peek(8)
    if (!magic.subarray(0, start.length).equals(start.subarray(0, 4)))
      throw new FrameError(
        `standard output holds ${JSON.stringify(Buffer.from(this.#peek(60)).toString())}, which is no frame`,
      )
    if (start.length < 8) return undefined
    const length = Buffer.from(start).readUInt32LE(4)
    if (length > headerLimit) throw new FrameError(`a frame announces a header of ${length} bytes`)
    if (this.#size < 8 + length) return undefined
    this.#take(8)
    const text = Buffer.from(this.#take(length)).toString()
    try {
      return { arrays: [], ...JSON.parse(text) }
    } catch {
      throw new FrameError(`a frame's header is not JSON: ${text.slice(0, 60)}`)
    }
  }

  /** At most `count` of the next bytes, left where they are. */
  #peek(count: number): Uint8Array {
    let held = 0
    let pieces = 0
    while (held < count && pieces < this.#pieces.length) held += this.#pieces[pieces++]!.length
    return Buffer.concat(this.#pieces.slice(0, pieces)).subarray(0, count)
  }

  /** The next `count` bytes in memory of their own, so that floats can be laid over them. */
  #take(count: number): Uint8Array {
    const taken = new Uint8Array(count)
    for (let at = 0; at < count; ) {
      const piece = this.#pieces[0]!
      const part = piece.subarray(0, count - at)
      taken.set(part, at)
      at += part.length
      if (part.length === piece.length) this.#pieces.shift()
      else this.#pieces[0] = piece.subarray(part.length)
    }
    this.#size -= count
    return taken
  }
}
