import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  TensorProto_DataType,
} from '../onnx/gen/onnx_pb.ts'
import { capturedBy, usersOf } from '../onnx/graph.ts'
import { attributeOf } from '../onnx/nodes.ts'
import { inferTypes } from '../onnx/types.ts'

const reduced = new Set<number>([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16])

const takesAnyType: ReadonlySet<string> = new Set(['Shape', 'Size'])

/**
 * Gives a converted model's inputs and outputs its format too, in place: the Cast behind an input and the one before an
 * output go. Ports that something reads as float32 keep their type.
 * @returns the names of the ports that changed
 */
export function reduceIo(model: ModelProto): string[] {
  const graph = model.graph!
  const { typeOf } = inferTypes(model)
  const captured = new Set(graph.node.flatMap(node => [...capturedBy(node)]))
  const changed: string[] = []
  for (const port of graph.input) {
    // sizes are those of either type
    const uses = (usersOf(graph).get(port.name) ?? []).filter(({ node }) => !takesAnyType.has(node.opType))
    const [cast] = uses.map(({ node }) => node)
    const type = cast && castTarget(cast)
    const isOutput = graph.output.some(({ name }) => name === port.name)
    if (uses.length !== 1 || !type || !reduced.has(type) || captured.has(port.name) || isOutput) continue
    renameReads(graph, cast.output[0]!, port.name)
    remove(graph, cast)
    setType(port, type)
    changed.push(port.name)
  }
  for (const port of graph.output) {
    const cast = graph.node.find(({ output }) => output[0] === port.name)
    if (!cast || castTarget(cast) !== TensorProto_DataType.FLOAT || captured.has(port.name)) continue
    const producer = graph.node.find(({ output }) => output.includes(cast.input[0]!))
    const type = typeOf(cast.input[0]!)
    // something beside the outside reads it as float32
    if (!producer || typeof type !== 'number' || !reduced.has(type) || usersOf(graph).has(port.name)) continue
    producer.output = producer.output.map(name => (name === cast.input[0] ? port.name : name))
    renameReads(graph, cast.input[0]!, port.name)
    remove(graph, cast)
    setType(port, type)
    changed.push(port.name)
  }
  return changed
}

function castTarget(node: NodeProto): TensorProto_DataType | undefined {
  return node.opType === 'Cast' ? Number(attributeOf(node, 'to')?.i) : undefined
}

function renameReads(graph: GraphProto, from: string, to: string): void {
  for (const node of graph.node) node.input = node.input.map(name => (name === from ? to : name))
}

function remove(graph: GraphProto, node: NodeProto): void {
  graph.node = graph.node.filter(other => other !== node)
}

function setType(port: GraphProto['input'][number], elemType: TensorProto_DataType): void {
  if (port.type?.value.case === 'tensorType') port.type.value.value.elemType = elemType
}
