import { execFileSync } from 'node:child_process'
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
  expect(text).toBe("--nodes_to_exclude '^/a\\.b/Pow$' '^x,y$' '^it'\\''s$'")
  expect(untold.length).toBe(1)
})

test('and of int8 with its rest in fp16, which of them are fp16', () => {
  const nodes = [node('a'), { ...node('b'), in: 'fp16' as const }, { ...node('c'), in: 'fp32 sums' as const }]
  expect(trtexecArguments({ precision: 'int8', recipe: { rest: 'fp16' }, nodes } as PrecisionPlan).text).toBe(
    '--int8 --fp16 --precisionConstraints=obey --layerPrecisions=a:fp32,b:fp16,c:fp32',
  )
})

test('a shell reads both as they are meant, whatever characters names have', () => {
  const names = ['add$1(x)&y', 'model/sub;model/x', '`date`', 'a|b>c', '#12', '\\d']
  const odd = { ...plan, nodes: names.map(node) } as PrecisionPlan
  const read = (text: string) =>
    execFileSync('sh', ['-c', `printf '%s\\n' ${text}`], { encoding: 'utf8' })
      .trimEnd()
      .split('\n')
  expect(read(trtexecArguments(odd).text!)).toEqual([
    '--fp16',
    '--precisionConstraints=obey',
    `--layerPrecisions=${names.map(name => `${name}:fp32`).join(',')}`,
  ])
  const [flag, ...patterns] = read(modelOptArguments({ ...odd, nodes: [...odd.nodes, node("it's")] }).text!)
  expect(flag).toBe('--nodes_to_exclude')
  for (const [at, name] of [...names, "it's"].entries()) expect(name).toMatch(new RegExp(patterns[at]!))
})
