import { expect, test } from 'vitest'
import type { Trial } from '../../../src/explain/evaluator.ts'
import { probedOf, tapsOf, within } from '../../../src/explain/look.ts'
import type { NodeError } from '../../../src/explain/node-errors.ts'
import { modelOf, nodeOf } from '../../helpers/graph.ts'

const node = (tensor: string) => ({ tensor }) as NodeError
const trial = (absRel: number): Trial => [{ scene: 'a', used: { 'depth absRel': absRel } }]

test('a tensor is found in the variant by the name that its format gives it, else by its own', () => {
  const variant = modelOf(17, {
    nodes: [
      nodeOf('Relu', ['x'], ['a/fp16']),
      nodeOf('Cast', ['a/fp16'], ['a']),
      nodeOf('Relu', ['a'], ['b']),
    ],
    outputs: [{ name: 'b' }],
  })
  expect(tapsOf([node('a'), node('b'), node('folded')], variant, 'fp16')).toEqual([
    { full: 'a', low: 'a/fp16' },
    { full: 'b', low: 'b' },
  ])
})

test('what the GPU cannot hold at once is thinned out evenly', () => {
  const taps = Array.from({ length: 9 }, (_, i) => ({ full: `t${i}`, low: `t${i}/fp16` }))
  const kept = (bytes: number) => within(taps, () => [10, 10], bytes).map(({ full }) => full)
  expect(kept(9 * 400)).toHaveLength(9)
  expect(kept(3 * 400)).toEqual(['t0', 't3', 't6'])
  expect(kept(100)).toEqual([])
})

test.each([
  [0.5, 0.55, false],
  [0.5, 0.2, true],
  [0.2, 0.5, true],
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, false],
  [Number.POSITIVE_INFINITY, 0.5, true],
])('an output that uses %s fused and %s apart: changed %s', (fused, apart, changed) => {
  const look = { errors: new Map(), apart: trial(apart) }
  expect(probedOf(trial(fused), look, 3)).toMatchObject({ of: 3, changed })
})
