import { expect, test } from 'vitest'
import { networkOf } from '../../../src/explain/network.ts'
import { graphOf, nodeOf } from '../../helpers/graph.ts'

const inner = graphOf({ nodes: [nodeOf('Neg', ['a'], ['inner'])], outputs: [{ name: 'inner' }] })
const graph = graphOf({
  inputs: [{ name: 'x' }, { name: 'w' }],
  outputs: [{ name: 'y' }],
  weights: { w: { dims: [1], values: [1] } },
  nodes: [
    // reads what the third writes: the order of the file is not that of the network
    nodeOf('Add', ['a', 'scaled'], ['b'], {}, { name: '/head/Add' }),
    nodeOf('Mul', ['w', 'w'], ['scaled']),
    nodeOf('MatMul', ['x', 'w'], ['a'], {}, { name: '/encoder/MatMul' }),
    nodeOf('Shape', ['a'], ['shape']),
    nodeOf('Cast', ['shape'], ['sizes']),
    nodeOf('If', ['condition'], ['c'], { then_branch: inner }),
    nodeOf('Resize', ['b', 'sizes', 'c'], ['y']),
  ],
})

test('what carries values from the input is drawn, after what it reads', () => {
  expect(networkOf(graph, new Set(), 'net.onnx')).toEqual([
    { id: '2', label: '/encoder/MatMul', module: 'encoder', operator: 'MatMul', reads: [] },
    { id: '0', label: '/head/Add', module: 'head', operator: 'Add', reads: ['2'] },
    // what a body reads from outside counts
    { id: '5', label: 'c', operator: 'If', reads: ['2'] },
    { id: '6', label: 'y', operator: 'Resize', reads: ['0', '5'] },
  ])
})

test('what is made of weights alone is drawn where it is wanted', () => {
  const ids = networkOf(graph, new Set(['1']), 'net.onnx').map(({ id, reads }) => [id, ...reads])
  expect(ids).toEqual([['2'], ['1'], ['0', '2', '1'], ['5', '2'], ['6', '0', '5']])
})
