import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { staysOf } from '../../../src/explain/stays.ts'
import { type ModelProto, TensorProto_DataType } from '../../../src/onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../../src/onnx/model.ts'
import { temporaryFolder } from '../../helpers/files.ts'
import { graphOf, modelOf, nodeOf, noisy } from '../../helpers/graph.ts'

const { FLOAT, INT64 } = TensorProto_DataType
const named = (name: string) => ({ name })

function written(model: ModelProto): string {
  const file = join(temporaryFolder(), 'net.onnx')
  writeFileSync(file, Buffer.concat(encodeModel(model)))
  return file
}

const told = ({ nodes, sizes }: ReturnType<typeof staysOf>) => ({
  nodes: nodes.map(node => `${node.name} ${node.in}`),
  sizes: sizes.map(({ name }) => name),
})

test('what is asked for, what the format has no operator for, and what is summed in FP32; no integers, no bodies', () => {
  const body = (output: string) =>
    graphOf({ nodes: [nodeOf('Exp', ['p'], [output], {}, named('inside'))], outputs: [{ name: output }] })
  const net = written(
    modelOf(17, {
      nodes: [
        nodeOf('Shape', ['x'], ['shape'], {}, named('shape')),
        nodeOf('Cast', ['shape'], ['lengths'], { to: FLOAT }, named('lengths')),
        nodeOf('Cast', ['lengths'], ['integers'], { to: INT64 }, named('integers')),
        nodeOf('MatMul', ['x', 'w'], ['p'], {}, named('product')),
        nodeOf('Erf', ['p'], ['e'], {}, named('kept')),
        nodeOf('CumSum', ['e', 'axis'], ['c'], {}, named('sum')),
        nodeOf('IsInf', ['c'], ['i'], {}, named('infinite')),
        nodeOf('If', ['yes'], ['f'], { then_branch: body('a'), else_branch: body('b') }, named('if')),
        nodeOf('Where', ['i', 'c', 'f'], ['y'], {}, named('where')),
      ],
      inputs: [
        { name: 'x', shape: [4, 4] },
        { name: 'yes', type: TensorProto_DataType.BOOL, shape: [] },
      ],
      outputs: [
        { name: 'y', type: FLOAT },
        { name: 'integers', type: INT64 },
      ],
      weights: { w: noisy(4, 4), axis: { dims: [], values: [0], type: INT64 } },
    }),
  )
  const recipe = { keep: ['kept', 'shape'], accumulate: 'fp32' } as const
  expect(told(staysOf(net, 'fp16', recipe))).toEqual({
    // IsInf takes fp16 from opset 20 on
    nodes: ['product fp32 sums', 'kept fp32', 'infinite fp32'],
    sizes: ['lengths'],
  })
})

test('of a quantised network the products that are not, and what is not of its rest', () => {
  const product = (name: string, input: string, output: string) =>
    nodeOf('MatMul', [input, 'w'], [output], {}, named(name))
  const net = written(
    modelOf(17, {
      nodes: [
        product('first', 'x', 'a'),
        product('middle', 'a', 'b'),
        nodeOf('Erf', ['b'], ['e'], {}, named('kept')),
        product('asked', 'e', 'c'),
        product('last', 'c', 'y'),
      ],
      inputs: [{ name: 'x', shape: [4, 4] }],
      outputs: [{ name: 'y', type: FLOAT }],
      weights: { w: noisy(4, 4) },
    }),
  )
  const recipe = { keepFirst: true, keepLast: true, keep: ['asked'], keepFp32: ['kept'] }
  const nodes = (rest: string) => [`first ${rest}`, 'kept fp32', `asked ${rest}`, `last ${rest}`]
  expect(told(staysOf(net, 'int8', recipe)).nodes).toEqual(nodes('fp32'))
  expect(told(staysOf(net, 'int8', { ...recipe, rest: 'fp16' })).nodes).toEqual(nodes('fp16'))
})
