import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { tensorShapes } from '../../../src/engines/onnxruntime/shapes.ts'
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { capturedBy, placedNodes, producersOf, sortedNodes, usersOf } from '../../../src/onnx/graph.ts'
import { readModel } from '../../../src/onnx/model.ts'
import { subgraph } from '../../../src/onnx/subgraph.ts'
import { inferTypes } from '../../../src/onnx/types.ts'
import { repo } from '../../helpers/files.ts'

const node = (opType: string, input: string[], output: string[]) =>
  create(NodeProtoSchema, { opType, input, output })
const names = (graph: { node: { output: string[] }[] }) => graph.node.map(({ output }) => output[0])

function withBody() {
  const body = create(GraphProtoSchema, {
    node: [node('Add', ['outer', 'own'], ['z'])],
    input: [create(ValueInfoProtoSchema, { name: 'own' })],
    output: [create(ValueInfoProtoSchema, { name: 'z' })],
  })
  const loop = node('Loop', ['n', '', 'h'], ['y'])
  loop.attribute = [create(AttributeProtoSchema, { name: 'body', g: body })]
  return create(GraphProtoSchema, {
    node: [loop, node('Neg', ['x'], ['h']), node('Abs', ['x'], ['outer'])],
  })
}

test('every node has a place, inside bodies too', () => {
  expect([...placedNodes(withBody())].map(({ id, node }) => `${id} ${node.opType}`)).toEqual([
    '0 Loop',
    '0/body/0 Add',
    '1 Neg',
    '2 Abs',
  ])
})

test('users, producers and what a body captures', () => {
  const graph = withBody()
  expect(
    usersOf(graph)
      .get('x')!
      .map(({ node, index }) => [node.opType, index]),
  ).toEqual([
    ['Neg', 0],
    ['Abs', 0],
  ])
  expect(producersOf(graph).get('h')!.opType).toBe('Neg')
  expect([...capturedBy(graph.node[0]!)]).toEqual(['outer'])
})

test('sorting puts nodes after what they read, captures counted, and moves nothing that need not move', () => {
  const graph = withBody()
  graph.node = sortedNodes(graph, 'm.onnx')
  expect(names(graph)).toEqual(['h', 'outer', 'y'])
  expect(sortedNodes(graph, 'm.onnx')).toEqual(graph.node)
  const deep = create(GraphProtoSchema, {
    node: Array.from({ length: 20000 }, (_, i) => node('Neg', [`t${i + 1}`], [`t${i}`])),
  })
  expect(names({ node: sortedNodes(deep, 'm.onnx') })[0]).toBe('t19999')
})

test('a cycle and a tensor that is written twice are told', () => {
  const graph = (...nodes: ReturnType<typeof node>[]) => create(GraphProtoSchema, { node: nodes })
  expect(() => sortedNodes(graph(node('Neg', ['b'], ['a']), node('Neg', ['a'], ['b'])), 'm.onnx')).toThrow(
    'm.onnx: the tensor "a" depends on itself',
  )
  expect(() => sortedNodes(graph(node('Neg', ['x'], ['a']), node('Abs', ['x'], ['a'])), 'm.onnx')).toThrow(
    'm.onnx: the tensor "a" is written by two nodes',
  )
})

test("types are those that ONNX Runtime infers, for every tensor of pocket's", async () => {
  const path = join(repo, 'models/pocket/pocket.onnx')
  const model = readModel(path)
  const { typeOf } = inferTypes(model)
  const outputs = model.graph!.node.flatMap(({ output }) => output)
  expect(outputs.length).toBeGreaterThan(400)
  const { default: ort } = await import('onnxruntime-node')
  model.graph!.output = outputs.map(name => create(ValueInfoProtoSchema, { name }))
  const { encodeModel } = await import('../../../src/onnx/model.ts')
  const session = await ort.InferenceSession.create(Buffer.concat(encodeModel(model)))
  const told = Object.fromEntries(
    session.outputMetadata.map(port => [port.name, port.isTensor ? port.type : '']),
  )
  await session.release()
  const ours: Record<number, string> = {
    [TensorProto_DataType.FLOAT]: 'float32',
    [TensorProto_DataType.INT64]: 'int64',
    [TensorProto_DataType.BOOL]: 'bool',
  }
  expect(Object.fromEntries(outputs.map(name => [name, ours[typeOf(name) as number]]))).toEqual(told)
})

test('types reach into bodies and come out of them', () => {
  const model = readModel(join(repo, 'fixtures/edges/loop-kept-inside.onnx'))
  const table = inferTypes(model)
  const loop = model.graph!.node.find(({ opType }) => opType === 'Loop')!
  const body = loop.attribute.find(({ name }) => name === 'body')!.g!
  const inside = table.bodies.get(body)!
  for (const { output } of body.node) for (const name of output) expect(inside.typeOf(name)).toBeDefined()
  for (const name of loop.output) expect(table.typeOf(name)).toBe(TensorProto_DataType.FLOAT)
})

test('a subgraph between tensors runs by itself', async () => {
  const path = join(repo, 'models/pocket/pocket.onnx')
  const model = readModel(path)
  const shapes = await tensorShapes(model, path)
  const matmul = model.graph!.node.find(({ opType }) => opType === 'MatMul')!
  const part = subgraph(model, [matmul.input[0]!], [matmul.output[0]!], path, name => shapes.get(name))
  expect(part.graph!.node).toEqual([matmul])
  expect(part.graph!.initializer.map(({ name }) => name)).toEqual(
    matmul.input.slice(1).filter(name => model.graph!.initializer.some(weight => weight.name === name)),
  )
  expect((await tensorShapes(part, path)).get(matmul.output[0]!)).toEqual(shapes.get(matmul.output[0]!))
  expect(model.graph!.node.length).toBeGreaterThan(100)
  expect(() => subgraph(model, [], [matmul.output[0]!], path)).toThrow(/needs the input image/)
  expect(() => subgraph(model, ['nowhere'], [matmul.output[0]!], path)).toThrow(/has no tensor "nowhere"/)
})
