import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { clearField, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { type ModelProto, ModelProtoSchema, type TensorProto, TensorProtoSchema } from './gen/onnx_pb.ts'

/** Protobuf's own limit for one message; larger models keep their weights in external data. */
const largest = 2 ** 31 - 1

/**
 * Reads an ONNX model. Tensor data are views of the file's bytes, not copies; unknown fields and metadata are kept.
 * Throws with the file's name on anything that is no model.
 */
export function readModel(path: string): ModelProto {
  if (!existsSync(path)) throw new DepthgateError('onnx', `${path}: there is no such file`)
  const bytes = readBytes(path)
  let model: ModelProto
  try {
    model = fromBinary(ModelProtoSchema, bytes)
  } catch (cause) {
    throw new DepthgateError(
      'onnx',
      `${path}: is no ONNX model, or is cut short (${messageOf(cause)}). Export it again`,
      { cause },
    )
  }
  if (!model.graph || model.graph.node.length === 0)
    throw new DepthgateError('onnx', `${path}: holds no graph; is it an ONNX model? Export it again`)
  return model
}

/** A plain Uint8Array and not a Buffer, whose `slice` would share memory; read in pieces, as Node reads at most 2 GiB at once. */
function readBytes(path: string): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size > largest)
      throw new DepthgateError(
        'onnx',
        `${path}: ${size} bytes are more than protobuf's 2 GiB. Export it with external data`,
      )
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; ) {
      const read = readSync(file, bytes, at, Math.min(size - at, 1 << 30), at)
      if (read === 0) throw new DepthgateError('onnx', `${path}: became shorter while it was read`)
      at += read
    }
    return bytes
  } finally {
    closeSync(file)
  }
}

/**
 * The model's bytes in pieces, the weights' own memory among them. protobuf-es would copy every weight several times, so
 * all but the initialisers is encoded by it and these are appended as further parts of the same graph, which protobuf
 * merges: repeated fields of a message that is given twice are joined.
 */
export function encodeModel(model: ModelProto): Uint8Array[] {
  const graph = model.graph!
  const { initializer } = graph
  // emptied for a moment instead of copied, so that unknown fields stay where they are
  graph.initializer = []
  const pieces: Uint8Array[] = [toBinary(ModelProtoSchema, model)]
  graph.initializer = initializer
  for (const tensor of initializer) {
    const body = encodeTensor(tensor)
    const length = body.reduce((sum, piece) => sum + piece.length, 0)
    const head = lengthPrefix(5, length)
    pieces.push(lengthPrefix(7, head.length + length), head, ...body)
  }
  return pieces
}

/** A tensor in pieces; its raw data, field 9, is the last and is not copied. */
function encodeTensor(tensor: TensorProto): Uint8Array[] {
  if (!isFieldSet(tensor, TensorProtoSchema.field.rawData)) return [toBinary(TensorProtoSchema, tensor)]
  const data = tensor.rawData
  clearField(tensor, TensorProtoSchema.field.rawData)
  const head = toBinary(TensorProtoSchema, tensor)
  tensor.rawData = data
  return [head, lengthPrefix(9, data.length), data]
}

function lengthPrefix(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}
