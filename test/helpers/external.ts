import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { placeOutside } from '../../src/onnx/external.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type ModelProto,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { tensorBytes } from '../../src/onnx/tensors.ts'
import { graphOf, modelOf, nodeOf } from './graph.ts'

/** A float32 tensor whose data are said to be elsewhere. */
export function elsewhere(name: string, count: number, entries: Record<string, string>): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: [BigInt(count)],
    dataType: TensorProto_DataType.FLOAT,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    ),
  })
}

/** `values` as raw data. */
export function inline(name: string, values: Float32Array): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: TensorProto_DataType.FLOAT,
    rawData: new Uint8Array(values.buffer),
  })
}

/** A model with initialisers, an initialiser in a body and the value of a Constant node, in the order of `tensorsOf`. */
export function modelWith(top: TensorProto[], inner?: TensorProto, constant?: TensorProto): ModelProto {
  const node = nodeOf('Constant', [], ['c'])
  if (constant)
    node.attribute.push(
      create(AttributeProtoSchema, {
        name: 'value',
        type: AttributeProto_AttributeType.TENSOR,
        t: constant,
      }),
    )
  const body = graphOf({ nodes: constant ? [node] : [], outputs: [] })
  if (inner) body.initializer.push(inner)
  const model = modelOf(18, { nodes: [nodeOf('If', ['x'], ['y'], { then_branch: body })], outputs: [] })
  model.graph!.initializer.push(...top)
  return model
}

/** Writes floats 1, 2, 3, … as a data file. */
export function writeNumbers(folder: string, name: string, count: number): Float32Array {
  const values = Float32Array.from({ length: count }, (_, i) => i + 1)
  writeFileSync(join(folder, name), new Uint8Array(values.buffer))
  return values
}

/** Puts the first weight of a model into a file beside it. */
export function weightsBeside(onnx: string, location: string): void {
  const model = readModel(onnx)
  const [tensor] = model.graph!.initializer
  const weights = tensorBytes(tensor!, onnx)
  writeFileSync(join(dirname(onnx), location), weights)
  placeOutside(tensor!, { location, offset: 0, length: weights.length })
  writeFileSync(onnx, Buffer.concat(encodeModel(model)))
}
