import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { clone, create, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import {
  FunctionProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { opsetOf } from '../../../src/onnx/nodes.ts'
import { newestRaised, oldestRaised, opsetChanges, raiseOpset } from '../../../src/onnx/opset.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { repo } from '../../helpers/files.ts'
import { graphOf, modelOf, nodeOf } from '../../helpers/graph.ts'

interface Changes {
  oldest: number
  newest: number
  changes: { operator: string; opset: number; changes: string[] }[]
}

/** Read one by one: each is a new attribute, or an optional input or output, whose absence is the old meaning. */
const harmless = new Set([
  'AveragePool 19 dilations',
  'Cast 19 saturate',
  'CastLike 19 saturate',
  'DequantizeLinear 21 block_size',
  'DequantizeLinear 23 output_dtype',
  'GRU 14 layout',
  'GroupNormalization 21 stash_type',
  'LSTM 14 layout',
  'LpPool 18 ceil_mode',
  'LpPool 18 dilations',
  'OptionalHasElement 18 input 0 is Optional, was Single',
  'Pad 18 3 inputs become 4',
  'QuantizeLinear 19 saturate',
  'QuantizeLinear 21 block_size',
  'QuantizeLinear 21 output_dtype',
  'QuantizeLinear 23 precision',
  'RNN 14 layout',
  'Reshape 14 allowzero',
  'Resize 18 antialias',
  'Resize 18 axes',
  'Resize 18 keep_aspect_ratio_policy',
  'ScatterElements 16 reduction',
  'ScatterND 16 reduction',
  'Shape 15 end',
  'Shape 15 start',
])

describe('the table of changes', () => {
  const table = JSON.parse(readFileSync(join(repo, 'test/reference/opsets.json'), 'utf8')) as Changes
  const handled = new Set(
    opsetChanges.flatMap(({ opset, operators }) => operators.map(operator => `${operator} ${opset}`)),
  )

  test('covers the opsets that it says it covers', () => {
    expect([table.oldest, table.newest]).toEqual([oldestRaised, newestRaised])
  })

  test('has every change of the schemas of onnx that is not harmless', () => {
    const open = table.changes.flatMap(({ operator, opset, changes }) =>
      changes
        .map(change => `${operator} ${opset} ${/^attribute (\w+) is new$/.exec(change)?.[1] ?? change}`)
        .filter(change => !harmless.has(change) && !handled.has(`${operator} ${opset}`)),
    )
    expect(open).toEqual([])
  })

  test('has beside them what only the words of the specification changed', () => {
    const inSchemas = new Set(table.changes.map(({ operator, opset }) => `${operator} ${opset}`))
    expect([...handled].filter(change => !inSchemas.has(change))).toEqual(['AveragePool 22', 'MaxPool 22'])
  })
})

const small = (opset: number, nodes: NodeProto[]) =>
  modelOf(opset, { nodes, inputs: [{ name: 'x', shape: [1, 4, 8, 8] }], outputs: [{ name: 'y' }] })

describe('raising a model', () => {
  test('raises the file format with it, and never lowers either', () => {
    const model = small(13, [nodeOf('Relu', ['x'], ['y'])])
    raiseOpset(model, 19, 'm.onnx')
    expect([opsetOf(model), model.irVersion]).toEqual([19, 9n])
    model.irVersion = 11n
    raiseOpset(model, 22, 'm.onnx')
    expect([opsetOf(model), model.irVersion]).toEqual([22, 11n])
    const before = toBinary(ModelProtoSchema, model)
    raiseOpset(model, 18, 'm.onnx')
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test('reaches bodies and functions, each from its own opset', () => {
    const reduce = () => nodeOf('ReduceMax', ['x'], ['m'], { axes: [1] })
    const body = graphOf({ nodes: [reduce()], outputs: [{ name: 'm' }] })
    const model = small(17, [nodeOf('If', ['c'], ['y'], { then_branch: body, else_branch: body })])
    const made = create(FunctionProtoSchema, {
      name: 'f',
      domain: 'own',
      node: [reduce()],
      opsetImport: [create(OperatorSetIdProtoSchema, { domain: 'ai.onnx', version: 13n })],
    })
    const newer = clone(FunctionProtoSchema, made)
    newer.opsetImport[0]!.version = 18n
    model.functions = [made, newer]
    raiseOpset(model, 18, 'm.onnx')
    for (const { node } of [body, made])
      expect(node.map(({ opType, input }) => `${opType}(${input})`)).toEqual([
        'Constant()',
        'ReduceMax(x,depthgate-axes:m)',
      ])
    expect(newer.node).toHaveLength(1)
    expect(made.opsetImport[0]!.version).toBe(18n)
  })

  test('leaves operators of other domains alone', () => {
    const model = small(17, [nodeOf('ReduceMax', ['x'], ['y'], { axes: [1] }, { domain: 'own' })])
    raiseOpset(model, 18, 'm.onnx')
    expect(model.graph!.node).toHaveLength(1)
  })
})

describe('is refused, and leaves the model as it was:', () => {
  test.each<[string, number, number, NodeProto, RegExp]>([
    ['a model that is too old', 11, 19, nodeOf('Relu', ['x'], ['y']), /opset 11 and cannot be raised to 19/],
    ['an opset that is too new', 13, 24, nodeOf('Relu', ['x'], ['y']), /known from 13 to 23/],
    [
      'batch normalisation that trains',
      13,
      14,
      nodeOf('BatchNormalization', ['x', 's', 'b', 'm', 'v'], ['y', 'mean', 'var']),
      /BatchNormalization "y": it is in training mode/,
    ],
    [
      'group normalisation by groups',
      18,
      21,
      nodeOf('GroupNormalization', ['x', 's', 'b'], ['y'], { num_groups: 2 }, { name: 'norm' }),
      /GroupNormalization "norm": opset 21 wants/,
    ],
    [
      'an average pool that pads by itself',
      13,
      19,
      nodeOf('AveragePool', ['x'], ['y'], { kernel_shape: [3, 3], auto_pad: 'SAME_UPPER' }),
      /AveragePool "y": .*explicit pads/,
    ],
    [
      'a pool whose last window may lie in the padding',
      13,
      22,
      nodeOf('MaxPool', ['x'], ['y'], {
        kernel_shape: [2, 2],
        strides: [2, 2],
        pads: [1, 1, 1, 1],
        ceil_mode: 1,
      }),
      /MaxPool "y": opset 22 drops windows/,
    ],
    [
      "an attribute that is the function's",
      13,
      18,
      nodeOf('ReduceMean', ['x'], ['y'], { axes: { reference: 'axes' } }),
      /ReduceMean "y": its attribute axes is that of a function/,
    ],
  ])('%s', (_name, from, to, obstacle, message) => {
    const model = small(from, [nodeOf('ReduceSum', ['x'], ['r']), obstacle])
    const before = toBinary(ModelProtoSchema, model)
    expect(errorOf(() => raiseOpset(model, to, 'm.onnx')).message).toMatch(message)
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test('a node in a body, by its name', () => {
    const obstacle = nodeOf('GroupNormalization', ['x', 's', 'b'], ['g'], { num_groups: 2 })
    const body = graphOf({ nodes: [obstacle], outputs: [{ name: 'g' }] })
    const model: ModelProto = small(18, [
      nodeOf('If', ['c'], ['y'], { then_branch: body, else_branch: body }),
    ])
    expect(() => raiseOpset(model, 21, 'm.onnx')).toThrow(/m\.onnx: .*GroupNormalization "g"/)
    expect(opsetOf(model)).toBe(18)
  })

  test('but a pool whose windows all begin in the picture is raised', () => {
    const pool = nodeOf('MaxPool', ['x'], ['y'], {
      kernel_shape: [3, 3],
      strides: [2, 2],
      pads: [1, 1, 1, 1],
      ceil_mode: 1,
    })
    const model = small(13, [pool])
    raiseOpset(model, 22, 'm.onnx')
    expect(opsetOf(model)).toBe(22)
  })
})
