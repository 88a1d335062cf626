import { readSync } from 'node:fs'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { fill } from './external.ts'

/** A model's file without the raw data of its large weights. */
export interface Scanned {
  /** The model without these weights. */
  bytes: Uint8Array
  /** The weights: their place among all initialisers, the tensor without raw data, and where those lie in the file. */
  large: { index: number; tensor: Uint8Array; offset: number; length: number }[]
}

/** Where one field of a message lies: from its tag to its end, its content from `from` on. */
interface Field {
  number: number
  type: number
  tag: number
  from: number
  end: number
}

/** What a message is put together from: new bytes, and spans of the file. */
type Part = Uint8Array | { from: number; end: number }

/**
 * Finds the initialisers of the main graph with raw data of at least `least` bytes, by reading tags and lengths alone.
 * `undefined` where there are none, or where the file does not have the form of a model: reading it then tells.
 * @param file open for reading
 * @param path how errors call it
 */
export function scanModel(file: number, size: number, least: number, path: string): Scanned | undefined {
  const fields = fieldReader(file)
  const rest: Part[] = []
  const found: { index: number; parts: Part[]; raw: Field }[] = []
  let initializers = 0
  try {
    for (const field of fields(0, size)) {
      // ModelProto.graph; one that is written in parts is there several times
      if (field.number !== 7 || field.type !== WireType.LengthDelimited) {
        add(rest, field.tag, field.end)
        continue
      }
      const kept: Part[] = []
      for (const inner of fields(field.from, field.end)) {
        // GraphProto.initializer
        const isInitializer = inner.number === 5 && inner.type === WireType.LengthDelimited
        const raw =
          isInitializer && inner.end - inner.from >= least
            ? largeRawData([...fields(inner.from, inner.end)], least)
            : undefined
        if (raw) {
          const parts = [
            { from: inner.from, end: raw.tag },
            { from: raw.end, end: inner.end },
          ]
          found.push({ index: initializers, parts, raw })
        } else add(kept, inner.tag, inner.end)
        if (isInitializer) initializers++
      }
      rest.push(new BinaryWriter().tag(7, WireType.LengthDelimited).uint32(sizeOf(kept)).finish(), ...kept)
    }
  } catch (thrown) {
    if (thrown === malformed) return undefined
    throw thrown
  }
  if (found.length === 0) return undefined
  return {
    bytes: gather(file, rest, path),
    large: found.map(({ index, parts, raw }) => ({
      index,
      tensor: gather(file, parts, path),
      offset: raw.from,
      length: raw.end - raw.from,
    })),
  }
}

/** TensorProto.raw_data, where a tensor has it once and it is large. */
function largeRawData(fields: readonly Field[], least: number): Field | undefined {
  const [raw, ...more] = fields.filter(
    ({ number, type }) => number === 9 && type === WireType.LengthDelimited,
  )
  return raw && more.length === 0 && raw.end - raw.from >= least ? raw : undefined
}

const malformed = new Error('not protobuf')

/** Reads the fields of a message that lies in a part of a file. */
function fieldReader(file: number): (from: number, end: number) => Generator<Field> {
  const window = new Uint8Array(1 << 16)
  let start = 0
  let filled = 0
  let at = 0
  const byte = () => {
    if (at < start || at >= start + filled) {
      start = at
      filled = readSync(file, window, 0, window.length, at)
      if (filled === 0) throw malformed
    }
    return window[at++ - start]!
  }
  const varint = () => {
    let value = 0
    for (let power = 1; power <= 2 ** 63; power *= 128) {
      const next = byte()
      value += (next & 127) * power
      if (next < 128) return value
    }
    throw malformed
  }
  return function* fields(from, end) {
    for (let tag = from; tag < end; ) {
      at = tag
      const key = varint()
      const type = key % 8
      const field: Field = { number: Math.floor(key / 8), type, tag, from: at, end: at }
      if (type === WireType.Varint) {
        varint()
        field.end = at
      } else if (type === WireType.LengthDelimited) {
        const length = varint()
        field.from = at
        field.end = at + length
      } else if (type === WireType.Bit64) field.end += 8
      else if (type === WireType.Bit32) field.end += 4
      else throw malformed
      if (field.end > end) throw malformed
      yield field
      tag = field.end
    }
  }
}

/** Adds a span, to the last one where that ends here. */
function add(parts: Part[], from: number, end: number): void {
  const last = parts.at(-1)
  if (last && 'end' in last && last.end === from) last.end = end
  else parts.push({ from, end })
}

function lengthOf(part: Part): number {
  return 'end' in part ? part.end - part.from : part.length
}

function sizeOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + lengthOf(part), 0)
}

function gather(file: number, parts: readonly Part[], path: string): Uint8Array {
  const bytes = new Uint8Array(sizeOf(parts))
  let at = 0
  for (const part of parts) {
    if ('end' in part) fill(bytes.subarray(at, at + lengthOf(part)), file, part.from, path)
    else bytes.set(part, at)
    at += lengthOf(part)
  }
  return bytes
}
