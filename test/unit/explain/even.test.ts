import { expect, test } from 'vitest'
import { Unbuildable, unbuildable } from '../../../src/engines/unbuildable.ts'
import type { Costs } from '../../../src/explain/costs.ts'
import { byOperator, throughout } from '../../../src/explain/even.ts'
import type { Levels } from '../../../src/explain/levels.ts'
import { unitsOf } from '../../../src/explain/units.ts'
import { placedNodes } from '../../../src/onnx/graph.ts'
import { graphOf, nodeOf } from '../../helpers/graph.ts'

const graph = graphOf({
  nodes: ['Conv', 'Mul', 'MatMul', 'Softmax'].map((operator, i) =>
    nodeOf(operator, [`t${i}`], [`t${i + 1}`]),
  ),
  inputs: [{ name: 't0' }],
  outputs: [{ name: 't4' }],
})
const units = unitsOf(graph, [...placedNodes(graph)], () => true)

test('all products of some operators are summed in FP32, the cheapest such set first', () => {
  const costs: Costs = {
    type: 'nominal',
    all: 40,
    more: (unit, level) => (level === 'low' ? 0 : units[unit]!.operator === 'Conv' ? 5 : 1),
  }
  expect(byOperator(units, costs)).toEqual([
    ['low', 'low', 'sum', 'low'],
    ['sum', 'low', 'low', 'low'],
    ['sum', 'low', 'sum', 'low'],
  ])
  expect(byOperator(unitsOf(graph, [...placedNodes(graph)]), costs)).toEqual([])
})

test('throughout, a module is of one format; then the modules that hold it', () => {
  const modules = ['a.b.c', 'a.b.c', 'a.b', 'a.d', 'e', undefined]
  const inModules = modules.map((module, i) => ({
    ...units[i % 4]!,
    ...(module !== undefined && { module }),
  }))
  const at = (levels: Levels) =>
    throughout(inModules, levels).map(set => set.map(level => +(level === 'full')).join(''))
  expect(at(['low', 'full', 'low', 'low', 'low', 'low'])).toEqual(['110000', '111000', '111100', '111111'])
  expect(at(['low', 'low', 'sum', 'low', 'low', 'low'])).toEqual(['111000', '111100', '111111'])
  expect(at(['low', 'low', 'low', 'low', 'low', 'full'])).toEqual(['000001', '111111'])
})

test('what could not be built is known through what it was wrapped into', () => {
  const fault = new Unbuildable('no kernel')
  expect(unbuildable(new Error('more', { cause: new Error('still more', { cause: fault }) }))).toBe(fault)
  expect(unbuildable(new Error('other'))).toBeUndefined()
})
