import { writeFileSync } from 'node:fs'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../src/onnx/model.ts'

type Node = [operator: string, inputs: string[], output: string]

/** Writes an ONNX from `x` to `depth`, both float32 [1, 1, height, width], out of nodes and named weights. */
export function writeNetwork(
  path: string,
  [height, width]: [number, number],
  nodes: Node[],
  weights: Record<string, { dims: number[]; values: number[] }>,
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
    node: nodes.map(([opType, input, output]) =>
      create(NodeProtoSchema, { opType, name: output, input, output: [output] }),
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
    output: [port('depth')],
  })
  const model = create(ModelProtoSchema, {
    irVersion: 9n,
    graph,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })],
  })
  writeFileSync(path, Buffer.concat(encodeModel(model)))
}
