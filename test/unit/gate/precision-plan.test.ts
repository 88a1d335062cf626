import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type PrecisionPlan, planRecipe, readPlan } from '../../../src/gate/precision-plan.ts'
import { hashOnnx } from '../../../src/onnx/hash.ts'
import { encodeModel } from '../../../src/onnx/model.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { temporaryFolder } from '../../helpers/files.ts'
import { modelOf, nodeOf } from '../../helpers/graph.ts'

const folder = temporaryFolder()

function onnxOf(name: string, nodes: ReturnType<typeof nodeOf>[]): string {
  const path = join(folder, `${name}.onnx`)
  const model = modelOf(17, {
    nodes,
    inputs: [{ name: 'x', shape: [1] }],
    outputs: [{ name: 'y', shape: [1] }],
  })
  writeFileSync(path, Buffer.concat(encodeModel(model)))
  return path
}

const onnx = onnxOf('own', [
  nodeOf('Exp', ['x'], ['a'], {}, { name: 'exp' }),
  nodeOf('Sqrt', ['a'], ['b']),
  nodeOf('Log', ['b'], ['y'], {}, { name: 'log' }),
])

const plan: PrecisionPlan = {
  schemaVersion: 1,
  model: 'm',
  onnx: hashOnnx(onnx),
  precision: 'fp16',
  recipe: { keep: ['Log'] },
  made: { engine: 'cpu', arithmetic: 'emulated', scenes: ['a'], margin: 0.1, trials: 3 },
  before: { used: 'Infinity', limit: 'depth absRel', scene: 'a' },
  after: { used: 0.5, limit: 'depth absRel', scene: 'a' },
  fp32: { used: 0.1, limit: 'depth absRel', scene: 'a' },
  cost: 0.2,
  nodes: [
    { place: '0', name: 'exp', operator: 'Exp', writes: 'a', in: 'fp32', reason: 'it overflows' },
    { place: '1', operator: 'Sqrt', writes: 'b', in: 'fp32', reason: 'it overflows' },
  ],
}

function written(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}

describe('planRecipe', () => {
  test('for its own ONNX nodes are found by place', () => {
    expect(planRecipe(plan, onnx, 'plan.json')).toEqual({
      recipe: { keep: ['Log', '#0', '#1'] },
      notes: [],
    })
  })

  test('for another they are found by name, or by what they write, with a note', () => {
    const other = onnxOf('other', [
      nodeOf('Neg', ['x'], ['n'], {}, { name: 'neg' }),
      nodeOf('Exp', ['n'], ['a2'], {}, { name: 'exp' }),
      nodeOf('Sqrt', ['a2'], ['b']),
      nodeOf('Log', ['b'], ['y'], {}, { name: 'log' }),
    ])
    const { recipe, notes } = planRecipe(plan, other, 'plan.json')
    expect(recipe.keep).toEqual(['Log', '#1', '#2'])
    expect(notes.join()).toMatch(
      /plan\.json was made for another ONNX .* Make it again with `depthgate mend`/,
    )
  })

  test('a node that is gone is an error that names it', () => {
    const other = onnxOf('gone', [
      nodeOf('Sqrt', ['x'], ['b']),
      nodeOf('Log', ['b'], ['y'], {}, { name: 'log' }),
    ])
    expect(errorOf(() => planRecipe(plan, other, 'plan.json')).message).toMatch(
      /plan\.json: was made for another ONNX .* Exp "exp"\. Make the plan again/,
    )
  })
})

const nodeIn = (precision: string, format: string, rest?: string) => ({
  ...{ ...plan, precision, recipe: { ...(rest && { rest }) } },
  nodes: [{ ...plan.nodes[0]!, in: format }],
})

describe('readPlan', () => {
  test('reads what was written', () => {
    expect(readPlan(written('plan.json', plan), 'fp16')).toEqual(plan)
    const rest = nodeIn('int8', 'fp16', 'fp16')
    expect(readPlan(written('rest.json', rest), 'int8')).toEqual(rest)
  })

  test.each([
    ['another precision', plan, 'bf16', /is a plan for fp16, the config names it for bf16/],
    ['a later version', { ...plan, schemaVersion: 2 }, 'fp16', /has schemaVersion 2, this depthgate reads 1/],
    ['a mistyped key', { ...plan, notes: 1 }, 'fp16', /"notes" is unknown here; did you mean "nodes"/],
    [
      'a mistyped key of its recipe',
      { ...plan, recipe: { kepe: [] } },
      'fp16',
      /"kepe".*did you mean "keep"/,
    ],
    [
      'a node in a format that is not of the rest',
      nodeIn('int8', 'fp16', 'bf16'),
      'int8',
      /Exp "exp" in fp16, /,
    ],
    ['a node in the precision itself', nodeIn('fp16', 'fp16'), 'fp16', /and its recipe no rest of fp16/],
    ['no JSON object', [], 'fp16', /does not fit its schema/],
  ] as const)('%s is refused', (_, content, precision, says) => {
    expect(errorOf(() => readPlan(written('bad.json', content), precision)).message).toMatch(says)
  })

  test('a file that is not there is told with the way out', () => {
    expect(errorOf(() => readPlan(join(folder, 'none.json'), 'fp16')).message).toMatch(
      /none\.json: does not exist\. Make it with `depthgate mend`/,
    )
  })
})
