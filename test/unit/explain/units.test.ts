import { describe, expect, test } from 'vitest'
import { costOf } from '../../../src/explain/cost.ts'
import { moduleOf, nodeLabel } from '../../../src/explain/label.ts'
import { higher, recipeFor } from '../../../src/explain/levels.ts'
import { unitsOf } from '../../../src/explain/units.ts'
import { placedNodes } from '../../../src/onnx/graph.ts'
import { graphOf, nodeOf } from '../../helpers/graph.ts'

const graph = graphOf({
  nodes: [
    nodeOf('Slice', ['x', 's'], ['a']),
    nodeOf('Slice', ['x', 't'], ['b']),
    nodeOf('Conv', ['a', 'w'], ['c'], {}, { name: 'conv' }),
    nodeOf('Relu', ['c'], ['d']),
    nodeOf('Concat', ['d', 'b'], ['e'], { axis: 1 }),
    nodeOf('Transpose', ['e'], ['f']),
    nodeOf('MatMul', ['f', 'v'], ['g']),
  ],
  inputs: [{ name: 'x' }],
  outputs: [{ name: 'g' }],
  weights: { w: { dims: [1], values: [1] }, v: { dims: [1], values: [1] } },
})
const placed = [...placedNodes(graph)]

describe('unitsOf', () => {
  test('movers belong to what they move, else to the tensor that they read; several sources make a unit', () => {
    const units = unitsOf(graph, placed, () => true)
    expect(units.map(({ nodes }) => nodes.map(({ id }) => id))).toEqual([
      ['0', '1'],
      ['2', '3'],
      ['4', '5'],
      ['6'],
    ])
    expect(units.map(({ sums }) => sums)).toEqual([false, true, false, true])
    expect(units.map(({ label }) => label)).toEqual(['a', 'conv', 'e', 'v'])
  })

  test('behind a node that stays FP32 a mover starts anew', () => {
    const reduced = placed.filter(({ node }) => node.opType !== 'Conv')
    expect(unitsOf(graph, reduced).map(({ nodes }) => nodes.map(({ id }) => id))).toEqual([
      ['0', '1'],
      ['3'],
      ['4', '5'],
      ['6'],
    ])
  })
})

describe('recipeFor', () => {
  const units = unitsOf(graph, placed, () => true)
  test('names every node of a unit by its place, on top of the recipe', () => {
    expect(recipeFor(units, ['low', 'full', 'low', 'sum'], { keep: [/x/], accumulate: 'fp16' })).toEqual({
      keep: [/x/, '#2', '#3'],
      accumulate: { fp32: ['#6'], rest: 'fp16' },
    })
    expect(recipeFor(units, ['low', 'low', 'low', 'sum'], {})).toEqual({ accumulate: { fp32: ['#6'] } })
    expect(recipeFor(units, ['low', 'low', 'low', 'low'], { flushTiny: true })).toEqual({ flushTiny: true })
  })
})

describe('costOf', () => {
  const shapes: Record<string, number[]> = {
    a: [1, 8, 4, 4],
    w: [16, 8, 3, 3],
    c: [1, 16, 4, 4],
    big: [1, 4096, 4096],
    weights: [4096, 4096],
    out: [1, 4096, 4096],
  }
  const cost = (node: Parameters<typeof costOf>[0][number]['node'], level: 'low' | 'sum' | 'full') =>
    costOf([{ node, id: '0', weights: [] }], level, name => shapes[name])

  test('a small product is bound by its bytes: FP32 moves twice as many', () => {
    const node = nodeOf('Conv', ['a', 'w'], ['c'])
    const values = 128 + 1152 + 256
    expect(cost(node, 'low')).toBeCloseTo((values * 2) / 3.35e12, 20)
    expect(cost(node, 'full')).toBeCloseTo((values * 4) / 3.35e12, 20)
  })

  test('a large one by its operations', () => {
    const node = nodeOf('MatMul', ['big', 'weights'], ['out'])
    expect(cost(node, 'full')).toBeCloseTo((2 * 4096 ** 3) / 6.7e13, 10)
    expect(cost(node, 'sum')).toBeCloseTo(2 * cost(node, 'low'), 10)
  })

  test('a node of unknown shapes costs nothing rather than NaN', () => {
    expect(cost(nodeOf('Mul', ['?', '??'], ['???']), 'full')).toBe(0)
  })
})

describe('labels', () => {
  test('a node without a name is called by the weight that it reads, else by what it writes', () => {
    const [, , , relu, , , product] = placed
    expect(nodeLabel(relu!)).toBe('d')
    expect(nodeLabel(product!)).toBe('v')
  })

  test('modules come from metadata or from names as TorchScript writes them', () => {
    const named = (name: string) => moduleOf(nodeOf('Add', [], [], {}, { name }))
    expect(named('/encoder/blocks/blocks.0/attention/MatMul')).toBe('encoder.blocks.0.attention')
    expect(named('/MatMul')).toBeUndefined()
    expect(named('node_add')).toBeUndefined()
    const exported = nodeOf('Mul', [], [])
    exported.metadataProps.push({
      $typeName: 'onnx.StringStringEntryProto',
      key: 'pkg.torch.onnx.name_scopes',
      value: "['', 'encoder', 'encoder.blocks.0', 'mul']",
    })
    expect(moduleOf(exported)).toBe('encoder.blocks.0')
  })
})

test('of two levels the higher counts', () => {
  expect(higher(['low', 'full', 'sum', 'rest'], ['sum', 'low', 'full', 'low'])).toEqual([
    'sum',
    'full',
    'full',
    'rest',
  ])
})
