import { expect, test } from 'vitest'
import type { NodeProto } from '../../../src/onnx/gen/onnx_pb.ts'
import { quantizedPart } from '../../../src/precision/quantized-part.ts'
import { graphOf, modelOf, nodeOf } from '../../helpers/graph.ts'

const node = (opType: string, input: string[], output: string) => nodeOf(opType, input, [output])
const first = node('Conv', ['x', 'w'], 'a')
const last = node('Conv', ['z', 'w'], 'y')

/** What stays FP32 of two quantised convolutions and the nodes that are between and beside them; `i…` are no floats. */
function part(...others: NodeProto[]): string[] {
  const { graph } = modelOf(17, {
    nodes: [first, ...others, last],
    inputs: [{ name: 'x', shape: [1, 4, 4, 4] }],
    outputs: [{ name: 'y' }, { name: 'v' }],
  })
  const found = quantizedPart(graph!, new Set([first, last]), name => name !== '' && !name.startsWith('i'))
  return [...found].flatMap(({ output }) => output)
}

const relu = node('Relu', ['a'], 'b')
const mul = node('Mul', ['b', 's'], 'z')

test('what stands between quantised nodes alone stays FP32 with them', () => {
  expect(part(relu, mul)).toEqual(['a', 'b', 'z', 'y'])
  expect(part(node('QuantizeLinear', ['a', 's'], 'iq'), node('DequantizeLinear', ['iq', 's'], 'z'))).toEqual([
    'a',
    'iq',
    'z',
    'y',
  ])
})

test('so it does where only sizes are read of it, and where others read what a quantised node writes', () => {
  expect(part(relu, node('Shape', ['b'], 'ishape'), node('Reshape', ['b', 'ishape'], 'z'))).toHaveLength(5)
  expect(part(relu, mul, node('MatMul', ['a', 'a'], 'v'))).toEqual(['a', 'b', 'z', 'y'])
})

test.each<[string, NodeProto[]]>([
  ['a product that is not quantised reads it', [node('MatMul', ['b', 'b'], 'u')]],
  [
    'a product is some nodes away',
    [node('Neg', ['b'], 'u'), node('Abs', ['u'], 't'), node('MatMul', ['t', 't'], 'r')],
  ],
  ['it is joined to what a product writes', [node('MatMul', ['x', 'x'], 'u'), node('Add', ['b', 'u'], 't')]],
  ['it is joined to an input', [node('Neg', ['x'], 'u'), node('Add', ['b', 'u'], 't')]],
  ['an output is made of it', [node('Neg', ['b'], 'v')]],
  [
    'a body reads it',
    [
      nodeOf('If', ['c'], ['u'], {
        then_branch: graphOf({ nodes: [node('Neg', ['b'], 'n')], outputs: [{ name: 'n' }] }),
        else_branch: graphOf({ nodes: [node('Abs', ['b'], 'n')], outputs: [{ name: 'n' }] }),
      }),
    ],
  ],
])('it is of the rest where %s', (_name, others) => {
  expect(part(relu, mul, ...others)).toEqual(['a', 'y'])
})
