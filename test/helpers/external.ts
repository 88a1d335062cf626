import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'

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

/**
 * A model with initialisers, an initialiser in a body and the value of a Constant node, in the order of `tensorsOf`:
 * `top` first, then `inner`, then `constant`.
 */
export function modelOf(top: TensorProto[], inner?: TensorProto, constant?: TensorProto): ModelProto {
  const body = create(GraphProtoSchema, { name: 'body', initializer: inner ? [inner] : [] })
  const node = [
    create(NodeProtoSchema, {
      opType: 'If',
      attribute: [
        create(AttributeProtoSchema, {
          name: 'then_branch',
          type: AttributeProto_AttributeType.GRAPH,
          g: body,
        }),
      ],
    }),
  ]
  if (constant)
    body.node.push(
      create(NodeProtoSchema, {
        opType: 'Constant',
        attribute: [
          create(AttributeProtoSchema, {
            name: 'value',
            type: AttributeProto_AttributeType.TENSOR,
            t: constant,
          }),
        ],
      }),
    )
  return create(ModelProtoSchema, {
    irVersion: 9n,
    graph: create(GraphProtoSchema, { name: 'graph', node, initializer: top }),
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })],
  })
}

/** Writes floats 1, 2, 3, … as a data file. */
export function writeNumbers(folder: string, name: string, count: number): Float32Array {
  const values = Float32Array.from({ length: count }, (_, i) => i + 1)
  writeFileSync(join(folder, name), new Uint8Array(values.buffer))
  return values
}
