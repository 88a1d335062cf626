import { readFileSync, writeFileSync } from 'node:fs'

/**
 * Rounds the float32 initialisers of an ONNX file to `bits` bits, symmetric per tensor, in place: what a careless
 * quantiser leaves. Returns how many weights changed. Walks protobuf's wire format; ModelProto.graph is field 7,
 * GraphProto.initializer 5, TensorProto.data_type 2 (1 = float) and raw_data 9.
 */
export function roundWeights(onnx: string, bits: number): number {
  const bytes = readFileSync(onnx)
  let changed = 0
  for (const graph of fields(bytes, 0, bytes.length))
    if (graph.number === 7)
      for (const tensor of fields(bytes, graph.start, graph.end))
        if (tensor.number === 5) changed += roundTensor(tensor.start, tensor.end)
  writeFileSync(onnx, bytes)
  return changed

  function roundTensor(start: number, end: number): number {
    const parts = [...fields(bytes, start, end)]
    const raw = parts.find(part => part.number === 9)
    if (!raw || parts.find(part => part.number === 2)?.value !== 1) return 0
    const view = new DataView(bytes.buffer, bytes.byteOffset + raw.start, raw.end - raw.start)
    let largest = 0
    for (let i = 0; i < view.byteLength; i += 4)
      largest = Math.max(largest, Math.abs(view.getFloat32(i, true)))
    const step = largest / (2 ** (bits - 1) - 1)
    let count = 0
    for (let i = 0; i < view.byteLength; i += 4) {
      const value = view.getFloat32(i, true)
      const rounded = step === 0 ? value : Math.fround(Math.round(value / step) * step)
      if (rounded !== value) count++
      view.setFloat32(i, rounded, true)
    }
    return count
  }
}

interface Field {
  number: number
  start: number
  end: number
  value?: number
}

function* fields(bytes: Uint8Array, start: number, end: number): Generator<Field> {
  for (let at = start; at < end; ) {
    const [tag, next] = varint(bytes, at)
    at = next
    const number = Math.floor(tag / 8)
    switch (tag % 8) {
      case 0: {
        const [value, after] = varint(bytes, at)
        yield { number, start: at, end: after, value }
        at = after
        break
      }
      case 1:
        yield { number, start: at, end: at + 8 }
        at += 8
        break
      case 2: {
        const [length, from] = varint(bytes, at)
        yield { number, start: from, end: from + length }
        at = from + length
        break
      }
      default:
        yield { number, start: at, end: at + 4 }
        at += 4
    }
  }
}

function varint(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0
  for (let factor = 1; ; factor *= 128) {
    const byte = bytes[at++]!
    value += (byte & 127) * factor
    if (byte < 128) return [value, at]
  }
}
