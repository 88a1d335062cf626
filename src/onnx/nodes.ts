import { create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto_DataType,
} from './gen/onnx_pb.ts'

/** A Cast node. Its name is made from what it writes; ONNX Runtime refuses two nodes of one name. */
export function castNode(input: string, output: string, to: TensorProto_DataType): NodeProto {
  const attribute = create(AttributeProtoSchema, {
    name: 'to',
    type: AttributeProto_AttributeType.INT,
    i: BigInt(to),
  })
  return create(NodeProtoSchema, {
    opType: 'Cast',
    name: `depthgate-cast:${output}`,
    input: [input],
    output: [output],
    attribute: [attribute],
  })
}

/** The graphs inside a node's attributes: bodies of If, Loop and Scan. */
export function bodiesOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(attribute => [...(attribute.g ? [attribute.g] : []), ...attribute.graphs])
}

/** Calls `visit` for every node, those inside bodies too. */
export function eachNode(graph: GraphProto, visit: (node: NodeProto) => void): void {
  for (const node of graph.node) {
    visit(node)
    for (const body of bodiesOf(node)) eachNode(body, visit)
  }
}

/** Whether a domain is that of the standard operators, which has two spellings. */
export function isStandard(domain: string): boolean {
  return domain === '' || domain === 'ai.onnx'
}

/** An attribute of a node by its name. */
export function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find(attribute => attribute.name === name)
}

/** The version of the standard operators that the model is written for. */
export function opsetOf(model: ModelProto): number {
  return Number(model.opsetImport.find(({ domain }) => isStandard(domain))?.version ?? 0)
}

/** How errors call a node: its operator, and its name or what it writes. */
export function describeNode({ opType, name, output }: NodeProto): string {
  return `${opType} ${JSON.stringify(name || (output.find(tensor => tensor !== '') ?? ''))}`
}
