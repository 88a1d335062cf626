import { expect, test } from 'vitest'
import type { NodeProto } from '../../../src/onnx/gen/onnx_pb.ts'
import { stretchesOf } from '../../../src/onnx/stretches.ts'
import { graphOf, nodeOf } from '../../helpers/graph.ts'

/** x → a → b → c → d, with a jump from a to d, and a branch e that nobody wants. */
const nodes = [
  nodeOf('Neg', ['x'], ['a']),
  nodeOf('Cast', ['a'], ['b']),
  nodeOf('Cast', ['b'], ['c']),
  nodeOf('Neg', ['b'], ['e']),
  nodeOf('Add', ['c', 'a'], ['d']),
]
const graph = graphOf({ nodes, inputs: [{ name: 'x' }], outputs: [{ name: 'd' }] })
const told = (stretches: ReturnType<typeof stretchesOf>) =>
  stretches.map(({ nodes, inputs, outputs, wanted, done }) =>
    [[...nodes].flatMap(({ output }) => output), inputs, outputs, wanted, done].map(names =>
      [...names].sort().join(' '),
    ),
  )

test('each node is in one stretch, the first that needs it; what later ones read is handed on, and let go after the last', () => {
  expect(told(stretchesOf(graph, [['a'], ['c'], ['d']], () => true))).toEqual([
    ['a', 'x', 'a', 'a', 'x'],
    ['b c', 'a', 'c', 'c', 'b'],
    ['d', 'a c', 'd', 'd', 'a c d'],
  ])
})

test('what cannot be handed on is computed again', () => {
  expect(told(stretchesOf(graph, [['c'], ['e']], name => name !== 'b'))).toEqual([
    ['a b c', 'x', 'a c', 'c', 'c x'],
    ['b e', 'a', 'e', 'e', 'a b e'],
  ])
})

test('of several results of one node all are handed on or none', () => {
  const split = graphOf({
    nodes: [nodeOf('Split', ['x'], ['a', 'b']), nodeOf('Add', ['a', 'b'], ['c'])],
    inputs: [{ name: 'x' }],
    outputs: [{ name: 'c' }],
  })
  expect(told(stretchesOf(split, [['a'], ['c']], name => name !== 'b'))).toEqual([
    ['a b', 'x', 'a', 'a', ''],
    ['a b c', 'x', 'c', 'c', 'a b c x'],
  ])
})

test('what an earlier stretch happened to compute, and the input itself, are handed over without a run', () => {
  expect(told(stretchesOf(graph, [['d'], ['b', 'x']], () => true))).toEqual([
    ['a b c d', 'x', 'b d', 'd', 'a c d'],
    ['', 'b x', '', 'b x', 'b x'],
  ])
})

test('bodies read what they capture; weights are no inputs, also where an old export lists them', () => {
  const branch = (output: string): NodeProto => nodeOf('Add', ['a', 'w'], [output])
  const body = (output: string) => graphOf({ nodes: [branch(output)], outputs: [{ name: output }] })
  const old = graphOf({
    nodes: [
      nodeOf('Neg', ['x'], ['a']),
      nodeOf('Neg', ['x'], ['condition']),
      nodeOf('If', ['condition'], ['y'], { then_branch: body('s'), else_branch: body('t') }),
    ],
    inputs: [{ name: 'x' }, { name: 'w' }],
    outputs: [{ name: 'y' }],
    weights: { w: { dims: [], values: [1] } },
  })
  expect(told(stretchesOf(old, [['condition'], ['y']], () => true))).toEqual([
    ['condition', 'x', 'condition', 'condition', ''],
    ['a y', 'condition x', 'y', 'y', 'a condition x y'],
  ])
})
