import { writeFileSync } from 'node:fs'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../src/onnx/model.ts'

export type Node = [operator: string, inputs: string[], output: string, attributes?: Record<string, number[]>]
export type Weights = Record<string, { dims: number[]; values: number[] }>

/** Writes an ONNX from `x` to `depth`, both float32 [1, 1, height, width], out of nodes and named weights. */
export function writeNetwork(
  path: string,
  [height, width]: [number, number],
  nodes: Node[],
  weights: Weights,
): void {
  const image = {
    value: {
      case: 'tensorType',
      value: {
        elemType: TensorProto_DataType.FLOAT,
        shape: {
          dim: [1, 1, height, width].map(length => ({ value: { case: 'dimValue', value: BigInt(length) } })),
        },
      },
    },
  } as const
  const port = (name: string) =>
    create(ValueInfoProtoSchema, { name, type: image } as MessageInitShape<typeof ValueInfoProtoSchema>)
  const graph = create(GraphProtoSchema, {
    name: 'network',
    node: nodes.map(([opType, input, output, attributes = {}]) =>
      create(NodeProtoSchema, {
        opType,
        name: output,
        input,
        output: [output],
        attribute: Object.entries(attributes).map(([name, ints]) =>
          create(AttributeProtoSchema, {
            name,
            type: AttributeProto_AttributeType.INTS,
            ints: ints.map(BigInt),
          }),
        ),
      }),
    ),
    initializer: Object.entries(weights).map(([name, { dims, values }]) =>
      create(TensorProtoSchema, {
        name,
        dims: dims.map(BigInt),
        dataType: TensorProto_DataType.FLOAT,
        floatData: values,
      }),
    ),
    input: [port('x')],
    // its shape is ONNX Runtime's to infer
    output: [
      create(ValueInfoProtoSchema, {
        name: 'depth',
        type: { value: { case: 'tensorType', value: { elemType: TensorProto_DataType.FLOAT } } },
      }),
    ],
  })
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    graph,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })],
  })
  writeFileSync(path, Buffer.concat(encodeModel(model)))
}
