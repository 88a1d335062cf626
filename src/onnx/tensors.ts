import { clearField } from '@bufbuild/protobuf'
import type { ByteSource } from '../base/bytes.ts'
import { DepthgateError } from '../base/errors.ts'
import { externalRange, readRange, sourceOf, titleOf } from './external.ts'
import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type SparseTensorProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
  TensorProto_DataType as Type,
} from './gen/onnx_pb.ts'
import { rawDataOf } from './left.ts'
import type { Piece } from './pieces.ts'

const { field } = TensorProtoSchema

/** Bits of one element. Text has no fixed size and is not listed. */
const bits = new Map<number, number>(
  Object.entries({
    128: [Type.COMPLEX128],
    64: [Type.DOUBLE, Type.INT64, Type.UINT64, Type.COMPLEX64],
    32: [Type.FLOAT, Type.INT32, Type.UINT32],
    16: [Type.FLOAT16, Type.BFLOAT16, Type.INT16, Type.UINT16],
    8: [
      ...[Type.INT8, Type.UINT8, Type.BOOL],
      ...[Type.FLOAT8E4M3FN, Type.FLOAT8E4M3FNUZ, Type.FLOAT8E5M2, Type.FLOAT8E5M2FNUZ, Type.FLOAT8E8M0],
    ],
    6: [Type.FLOAT6E2M3, Type.FLOAT6E3M2],
    4: [Type.INT4, Type.UINT4, Type.FLOAT4E2M1],
    2: [Type.INT2, Type.UINT2],
  }).flatMap(([width, types]) => types.map(type => [type, Number(width)] as const)),
)

/** Bytes that a tensor's shape and type call for. Throws for text, and for types that this version does not know. */
export function byteLengthOf(tensor: TensorProto, path: string): number {
  const width = bits.get(tensor.dataType)
  if (width === undefined)
    throw new DepthgateError(
      'onnx',
      `${path}: ${titleOf(tensor)} is of type ${Type[tensor.dataType] ?? tensor.dataType}, which has no numbers to read`,
    )
  return Math.ceil((tensor.dims.reduce((count, length) => count * Number(length), 1) * width) / 8)
}

/**
 * A tensor's elements as raw data has them (little-endian, row by row), wherever they are kept: raw data and external
 * data as they are, typed fields packed. Raw data are a view of the model's own memory: do not write to them.
 * @param path the model's file; external data lie relative to its folder
 * @throws DepthgateError where the bytes do not fit the shape and type, and where external data are not as declared
 */
export function tensorBytes(tensor: TensorProto, path: string): Uint8Array {
  const data = pieceOf(tensor, path)
  return data instanceof Uint8Array ? data : readRange(data)
}

/** The same bytes, to be read part by part where they are in a file. */
export function tensorSource(tensor: TensorProto, path: string): Uint8Array | ByteSource {
  const data = pieceOf(tensor, path)
  return data instanceof Uint8Array ? data : sourceOf(data)
}

function pieceOf(tensor: TensorProto, path: string): Piece {
  const needed = byteLengthOf(tensor, path)
  if (isExternal(tensor)) return externalRange(tensor, needed, path)
  const data = rawDataOf(tensor) ?? packed(tensor)
  if (data.length !== needed)
    throw new DepthgateError(
      'onnx',
      `${path}: ${titleOf(tensor)} has ${data.length} bytes, and its shape [${tensor.dims}] of ${Type[tensor.dataType]} needs ${needed}. Export the model again`,
    )
  return data
}

export function isExternal(tensor: TensorProto): boolean {
  return tensor.dataLocation === TensorProto_DataLocation.EXTERNAL
}

/** Gives a tensor another type and data, wherever its old data were kept. The bytes are kept, not copied. */
export function setData(tensor: TensorProto, type: Type, data: ArrayBufferView): void {
  const { floatData, doubleData, int32Data, int64Data, uint64Data, externalData, dataLocation } = field
  for (const old of [floatData, doubleData, int32Data, int64Data, uint64Data, externalData, dataLocation])
    clearField(tensor, old)
  tensor.dataType = type
  tensor.rawData = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength)
}

/** The typed field that a type uses, as the bytes that raw data would have. */
function packed(tensor: TensorProto): Uint8Array {
  const { dataType: type, floatData, doubleData, int32Data, int64Data, uint64Data } = tensor
  const view = (() => {
    if (type === Type.FLOAT || type === Type.COMPLEX64) return Float32Array.from(floatData)
    if (type === Type.DOUBLE || type === Type.COMPLEX128) return Float64Array.from(doubleData)
    if (type === Type.INT64) return BigInt64Array.from(int64Data)
    if (type === Type.UINT64) return BigUint64Array.from(uint64Data)
    if (type === Type.UINT32) return Uint32Array.from(uint64Data, Number)
    if (type === Type.INT32) return Int32Array.from(int32Data)
    // bit patterns, one element a number; of 4 and 2 bits two and four elements a number
    return bits.get(type) === 16 ? Uint16Array.from(int32Data) : Uint8Array.from(int32Data)
  })()
  return new Uint8Array(view.buffer)
}

/** Every tensor that a model holds: initialisers, parts of sparse ones, attributes of nodes; in bodies and functions too. */
export function* tensorsOf(model: ModelProto): Generator<TensorProto> {
  for (const { initializer, sparseInitializer, node } of graphsOf(model)) {
    yield* initializer
    for (const sparse of sparseInitializer) yield* partsOf(sparse)
    yield* attributesOf(node)
  }
  for (const { node } of model.functions) yield* attributesOf(node)
}

/** A model's graph and every body of its nodes. */
export function* graphsOf({ graph, functions }: ModelProto): Generator<GraphProto> {
  if (graph) yield* [graph, ...bodiesOf(graph.node)]
  for (const { node } of functions) yield* bodiesOf(node)
}

function* bodiesOf(nodes: readonly NodeProto[]): Generator<GraphProto> {
  for (const { g, graphs } of nodes.flatMap(({ attribute }) => attribute))
    for (const body of g ? [g, ...graphs] : graphs) {
      yield body
      yield* bodiesOf(body.node)
    }
}

function* attributesOf(nodes: readonly NodeProto[]): Generator<TensorProto> {
  for (const { t, tensors, sparseTensor, sparseTensors } of nodes.flatMap(({ attribute }) => attribute)) {
    yield* t ? [t, ...tensors] : tensors
    for (const sparse of sparseTensor ? [sparseTensor, ...sparseTensors] : sparseTensors)
      yield* partsOf(sparse)
  }
}

function partsOf({ values, indices }: SparseTensorProto): TensorProto[] {
  return [values, indices].filter(part => part !== undefined)
}
