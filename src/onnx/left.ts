import { type Range, readRange } from './external.ts'
import type { TensorProto } from './gen/onnx_pb.ts'
import type { Piece } from './pieces.ts'

const ranges = new WeakMap<() => unknown, Range>()

/**
 * Leaves a tensor's raw data in the file. `rawData` is there as always: it reads them whenever it is asked for, into new
 * memory, and may be set.
 */
export function leaveRawData(tensor: TensorProto, range: Range): void {
  const get = () => readRange(range)
  ranges.set(get, range)
  const common = { configurable: true, enumerable: true }
  Object.defineProperty(tensor, 'rawData', {
    ...common,
    get,
    set: (value: Uint8Array) =>
      Object.defineProperty(tensor, 'rawData', { ...common, value, writable: true }),
  })
}

/** A tensor's raw data without reading them, in memory or in the file; `undefined` where it has none. */
export function rawDataOf(tensor: TensorProto): Piece | undefined {
  const property = Object.getOwnPropertyDescriptor(tensor, 'rawData')
  return property?.get ? ranges.get(property.get) : property?.value
}
