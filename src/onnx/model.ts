import { closeSync, existsSync, fstatSync, openSync } from 'node:fs'
import { clearField, fromBinary, isFieldSet, toBinary } from '@bufbuild/protobuf'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { fill } from './external.ts'
import { type ModelProto, ModelProtoSchema, type TensorProto, TensorProtoSchema } from './gen/onnx_pb.ts'

/** Protobuf's own limit for one message; larger models keep their weights in external data. */
export const largestMessage = 2 ** 31 - 1

/**
 * Reads an ONNX model. Tensor data are views of the file's bytes, not copies; unknown fields and metadata are kept.
 * Throws with the file's name on anything that is no model.
 */
export function readModel(path: string): ModelProto {
  return parseModel(readBytes(path), path)
}

/** The model in a file's bytes, of which its tensors are views. `path` is how errors call it. */
export function parseModel(bytes: Uint8Array, path: string): ModelProto {
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

/** A model's file. A plain Uint8Array and not a Buffer, whose `slice` would share memory. */
export function readBytes(path: string): Uint8Array {
  if (!existsSync(path)) throw new DepthgateError('onnx', `${path}: there is no such file`)
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    if (size > largestMessage)
      throw new DepthgateError(
        'onnx',
        `${path}: ${size} bytes are more than protobuf's 2 GiB. Export it with external data`,
      )
    const bytes = new Uint8Array(size)
    fill(bytes, file, 0, path)
    return bytes
  } finally {
    closeSync(file)
  }
}

/** The model's bytes in pieces, the weights' own memory among them. */
export function encodeModel(model: ModelProto): Uint8Array[] {
  return encodePieces<Uint8Array>(model, () => undefined)
}

/**
 * The model's bytes in pieces, where the raw data of an initialiser may be something else than memory. protobuf-es would
 * copy every weight several times, so all but the initialisers is encoded by it and these are appended as further parts
 * of the same graph, which protobuf merges: repeated fields of a message that is given twice are joined.
 * @param elsewhere the raw data of an initialiser that has none in memory
 */
export function encodePieces<Elsewhere extends { length: number }>(
  model: ModelProto,
  elsewhere: (tensor: TensorProto) => Elsewhere | undefined,
): (Uint8Array | Elsewhere)[] {
  const graph = model.graph!
  const { initializer } = graph
  // emptied for a moment instead of copied, so that unknown fields stay where they are
  graph.initializer = []
  const pieces: (Uint8Array | Elsewhere)[] = [toBinary(ModelProtoSchema, model)]
  graph.initializer = initializer
  for (const tensor of initializer) {
    const body = encodeTensor(tensor, elsewhere(tensor))
    const length = body.reduce((sum, piece) => sum + piece.length, 0)
    const head = lengthPrefix(5, length)
    pieces.push(lengthPrefix(7, head.length + length), head, ...body)
  }
  return pieces
}

/** A tensor in pieces; its raw data, field 9, is the last and is not copied. */
function encodeTensor<Data extends { length: number }>(
  tensor: TensorProto,
  elsewhere: Data | undefined,
): (Uint8Array | Data)[] {
  const { rawData } = TensorProtoSchema.field
  const own = isFieldSet(tensor, rawData) ? tensor.rawData : undefined
  const data = elsewhere ?? own
  if (data === undefined) return [toBinary(TensorProtoSchema, tensor)]
  clearField(tensor, rawData)
  const head = toBinary(TensorProtoSchema, tensor)
  if (own) tensor.rawData = own
  return [head, lengthPrefix(9, data.length), data]
}

function lengthPrefix(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish()
}
