import { expect, test } from 'vitest'
import { sumsOverRounding } from '../../../src/explain/cost.ts'
import { measuredCosts, nominalCosts } from '../../../src/explain/costs.ts'
import { unitsOf } from '../../../src/explain/units.ts'
import { placedNodes } from '../../../src/onnx/graph.ts'
import { graphOf, nodeOf } from '../../helpers/graph.ts'

const graph = graphOf({
  nodes: [
    nodeOf('MatMul', ['x', 'v'], ['a']),
    nodeOf('MatMul', ['a', 'v'], ['b']),
    nodeOf('MatMul', ['b', 'v'], ['c']),
    nodeOf('Erf', ['c'], ['y']),
  ],
  inputs: [{ name: 'x' }],
  outputs: [{ name: 'y' }],
  weights: { v: { dims: [1], values: [1] } },
})
const units = unitsOf(graph, [...placedNodes(graph)], () => true)
const nominal = nominalCosts(units, () => [1024, 1024])
const times = (...milliseconds: (number | undefined)[]) =>
  new Map(milliseconds.flatMap((time, place) => (time === undefined ? [] : [[String(place), time] as const])))

test('costs are what nodes take more in FP32; sums are three quarters of that', () => {
  const costs = measuredCosts(units, nominal, { low: times(1, 2, 1, 1), full: times(3, 6, 3, 2) })
  expect(costs.type).toBe('measured')
  expect([0, 1, 2, 3].map(unit => costs.more(unit, 'full') * 1000)).toEqual([2, 4, 2, 1])
  expect(costs.more(1, 'sum') * 1000).toBeCloseTo(3)
  expect(costs.more(3, 'sum')).toBe(0)
  expect(costs.all * 1000).toBeCloseTo(9)
})

test('a node in no layer costs in proportion to the others; one that is no slower in FP32 is not free', () => {
  const costs = measuredCosts(units, nominal, { low: times(1, 1, undefined, 1), full: times(3, 3, 3, 0.5) })
  expect(costs.more(2, 'full')).toBeCloseTo(costs.more(0, 'full'), 3)
  expect(costs.more(3, 'full')).toBeGreaterThan(0)
  expect(costs.more(3, 'full')).toBeLessThan(costs.more(0, 'full'))
})

test('where TF32 kernels are allowed a product in FP32 costs a fifth, and summed there a twelfth', () => {
  const all = { low: times(1, 1, 1, 1), full: times(3, 3, 3, 3) }
  const [strict, tf32] = [measuredCosts(units, nominal, all), measuredCosts(units, nominal, all, 'tf32')]
  expect(tf32.more(0, 'full') / strict.more(0, 'full')).toBeCloseTo(0.2)
  expect(tf32.more(0, 'sum') / strict.more(0, 'full')).toBeCloseTo(0.08)
  // what is no product has no kernel in TF32
  expect(tf32.more(3, 'full')).toBe(strict.more(3, 'full'))
})

test('of sums as long MatMul is expected to add less in FP16 than Conv, and short ones nothing', () => {
  const shapes: Record<string, number[]> = { image: [1, 64, 8, 8], kernel: [4, 64, 4, 4], map: [1, 4, 8, 8] }
  const rows = { left: [8, 1024], right: [1024, 8], product: [8, 8], short: [8, 16] }
  const sums = (operator: string, inputs: string[], output: string) =>
    sumsOverRounding(
      { node: nodeOf(operator, inputs, [output]), id: '0', weights: [] },
      name => ({ ...shapes, ...rows })[name],
    )
  const conv = sums('Conv', ['image', 'kernel'], 'map')
  expect(conv).toBeCloseTo(63 / 6)
  expect(sums('MatMul', ['left', 'right'], 'product')).toBeCloseTo(0.3 * conv)
  expect(sums('MatMul', ['short', 'right'], 'product')).toBe(0)
})
