import { closeSync, existsSync, fstatSync, openSync, type Stats } from 'node:fs'
import { resolve } from 'node:path'
import { clearField, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { looksLike } from '../depth/source.ts'
import { fill, stampOf } from './external.ts'
import { type ModelProto, ModelProtoSchema, type TensorProto, TensorProtoSchema } from './gen/onnx_pb.ts'
import { leaveRawData } from './left.ts'
import { scanModel } from './scan.ts'

/** Protobuf's own limit for one message; larger models keep their weights in external data. */
export const largestMessage = 2 ** 31 - 1

/** Raw data of at least this size stay in the file until they are asked for. */
const large = 2 ** 20

/**
 * Reads an ONNX model; unknown fields and metadata are kept. Raw data are views of what was read, and those of large
 * initialisers are read whenever they are asked for, so that a model does not take the memory of its weights. The file
 * must stay what it is for as long as the model is used; else reading them throws.
 * Throws with the file's name on anything that is no model.
 */
export function readModel(path: string): ModelProto {
  if (!existsSync(path)) throw new DepthgateError('onnx', `${path}: there is no such file`)
  const file = openSync(path, 'r')
  try {
    const found = fstatSync(file)
    if (!found.isFile())
      throw new DepthgateError('onnx', `${path}: is a folder, not a file. Name the .onnx in it`)
    if (found.size > largestMessage)
      throw new DepthgateError(
        'onnx',
        `${path}: ${found.size} bytes are more than protobuf's 2 GiB. Export it with external data`,
      )
    return modelIn(file, found, large, path)
  } finally {
    closeSync(file)
  }
}

/**
 * The model in an open file.
 * @param found what is known of the file
 * @param least bytes of raw data that stay in it
 */
export function modelIn(file: number, found: Stats, least: number, path: string): ModelProto {
  const { size } = found
  const scanned = size < least ? undefined : scanModel(file, size, least, path)
  const model = decode(ModelProtoSchema, scanned?.bytes ?? wholeFile(file, size, path), path)
  if (!model.graph || model.graph.node.length === 0)
    throw new DepthgateError('onnx', `${path}: holds no graph; is it an ONNX model? Export it again`)
  for (const { index, tensor, offset, length } of scanned?.large ?? []) {
    const weight = decode(TensorProtoSchema, tensor, path)
    leaveRawData(weight, { file: resolve(path), offset, length, stamp: stampOf(found) })
    model.graph.initializer.splice(index, 0, weight)
  }
  return model
}

function decode<Schema extends DescMessage>(
  schema: Schema,
  bytes: Uint8Array,
  path: string,
): MessageShape<Schema> {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    const found = looksLike(bytes)
    throw new DepthgateError(
      'onnx',
      found === undefined
        ? `${path}: is no ONNX model, or is cut short (${messageOf(cause)}). Export it again`
        : `${path}: is no ONNX model, it looks like ${found}`,
      { cause },
    )
  }
}

/** A plain Uint8Array and not a Buffer, whose `slice` would share memory. */
function wholeFile(file: number, size: number, path: string): Uint8Array {
  const bytes = new Uint8Array(size)
  fill(bytes, file, 0, path)
  return bytes
}

/** The model's bytes in pieces, the weights' own memory among them. */
export function encodeModel(model: ModelProto): Uint8Array[] {
  return encodePieces(model, tensor => (Object.hasOwn(tensor, 'rawData') ? tensor.rawData : undefined))
}

/**
 * The model's bytes in pieces, where the raw data of an initialiser may be something else than memory. protobuf-es would
 * copy every weight several times, so all but the initialisers is encoded by it and these are appended as further parts
 * of the same graph, which protobuf merges: repeated fields of a message that is given twice are joined.
 */
export function encodePieces<Data extends { length: number }>(
  model: ModelProto,
  rawDataOf: (tensor: TensorProto) => Data | undefined,
): (Uint8Array | Data)[] {
  const graph = model.graph!
  const { initializer } = graph
  // emptied for a moment instead of copied, so that unknown fields stay where they are
  graph.initializer = []
  const pieces: (Uint8Array | Data)[] = [toBinary(ModelProtoSchema, model)]
  graph.initializer = initializer
  for (const tensor of initializer) {
    const body = encodeTensor(tensor, rawDataOf(tensor))
    const length = body.reduce((sum, piece) => sum + piece.length, 0)
    const head = lengthPrefix(5, length)
    pieces.push(lengthPrefix(7, head.length + length), head, ...body)
  }
  return pieces
}

/** A tensor in pieces; its raw data, field 9, is the last and is not copied. */
function encodeTensor<Data extends { length: number }>(
  tensor: TensorProto,
  rawData: Data | undefined,
): (Uint8Array | Data)[] {
  if (rawData === undefined) return [toBinary(TensorProtoSchema, tensor)]
  const own = Object.getOwnPropertyDescriptor(tensor, 'rawData')
  clearField(tensor, TensorProtoSchema.field.rawData)
  const head = toBinary(TensorProtoSchema, tensor)
  if (own) Object.defineProperty(tensor, 'rawData', own)
  return [head, lengthPrefix(9, rawData.length), rawData]
}

function lengthPrefix(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}
