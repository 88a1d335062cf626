import { expect, test } from 'vitest'
import { modelOptArguments, trtexecArguments } from '../../../src/explain/foreign.ts'
import type { PrecisionPlan } from '../../../src/gate/precision-plan.ts'

const node = (name: string | undefined) => ({
  place: '1',
  ...(name !== undefined && { name }),
  operator: 'Pow',
  writes: 'y',
  in: 'fp32' as const,
  reason: '',
})
const plan = {
  precision: 'fp16',
  recipe: {},
  nodes: ['/a.b/Pow', undefined, 'x,y', "it's"].map(node),
} as PrecisionPlan

test('trtexec gets layers by name; what it would split or has no name is listed', () => {
  const { text, untold } = trtexecArguments(plan)
  expect(text).toBe('--fp16 --precisionConstraints=obey --layerPrecisions=/a.b/Pow:fp32')
  expect(untold.map(({ name }) => name)).toEqual([undefined, 'x,y', "it's"])
})

test('ModelOpt gets regular expressions that match the name alone', () => {
  const { text, untold } = modelOptArguments(plan)
  expect(text).toBe("--nodes_to_exclude '^/a\\.b/Pow$' '^x,y$'")
  expect(untold.length).toBe(2)
})

test('and of int8 with its rest in fp16, which of them are fp16', () => {
  const nodes = [node('a'), { ...node('b'), in: 'fp16' as const }, { ...node('c'), in: 'fp32 sums' as const }]
  expect(trtexecArguments({ precision: 'int8', recipe: { rest: 'fp16' }, nodes } as PrecisionPlan).text).toBe(
    '--int8 --fp16 --precisionConstraints=obey --layerPrecisions=a:fp32,b:fp16,c:fp32',
  )
})
