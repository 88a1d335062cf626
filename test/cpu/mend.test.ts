import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { engineEvaluator, type Question, worstOfTrial } from '../../src/explain/evaluator.ts'
import { type Explanation, explain } from '../../src/explain/explain.ts'
import { trtexecArguments } from '../../src/explain/foreign.ts'
import { type Level, recipeFor } from '../../src/explain/levels.ts'
import { type Mending, mend } from '../../src/explain/mend.ts'
import { planOf } from '../../src/explain/plan-of.ts'
import { type Recipe, variantsOf } from '../../src/explain/variants.ts'
import { planRecipe } from '../../src/gate/precision-plan.ts'
import type { ReducedRecipe } from '../../src/gate/recipe.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { mendText } from '../../src/report/mend-text.ts'
import { repo } from '../helpers/files.ts'
import { trapQuestion as questionOf } from '../helpers/models.ts'

afterAll(releaseEngines)

const networks = join(repo, 'fixtures/networks')

const recipes = JSON.parse(readFileSync(join(networks, 'combination/case.json'), 'utf8')).recipes
const margin = 0.1

function mended(trap: string): Promise<Mending> {
  const question = questionOf(trap)
  return mend(question, variantsOf(question, {}), { margin })
}

function explained(trap: string, recipe: ReducedRecipe): Promise<Explanation> {
  const question = questionOf(trap)
  return explain(question, variantsOf(question, recipe))
}

/** What each trap needs, and no more. */
const needs: [trap: string, recipe: ReducedRecipe, nodes: string[]][] = [
  [
    'layernorm-overflow',
    {},
    ['/norm/Pow fp32', '/norm/ReduceMean_1 fp32', '/norm/Add fp32', '/norm/Sqrt fp32'],
  ],
  ['attention-logits', {}, ['/MatMul fp32', '/Softmax fp32']],
  ['reciprocal-head', {}, ['/Add fp32', '/Sub fp32']],
  ['large-activations', {}, ['/Mul fp32', '/Add fp32', '/Mul_1 fp32', '/Transpose fp32']],
  ['long-sums', { accumulate: 'fp16' }, ['/MatMul fp32 sums']],
]

describe.each(needs)('%s', (trap, recipe, nodes) => {
  test('mend keeps just what it needs, and nothing of it can be left out', async () => {
    const question = questionOf(trap)
    const found = await mend(question, variantsOf(question, recipe), { margin })
    if (found.type !== 'mended') throw new Error(found.type)
    const plan = planOf(question, variantsOf(question, recipe), found, margin)
    expect(plan.nodes.map(node => `${node.name} ${node.in}`)).toEqual(nodes)

    // by the gate's own path: the plan passes with its margin, and without any one of its entries it does not
    const { evaluate } = engineEvaluator(question, variantsOf(question, recipe))
    const used = async (kept: typeof plan.nodes) => {
      const made = planRecipe({ ...plan, nodes: kept }, question.onnx, 'plan')
      return worstOfTrial(await evaluate(made.recipe)).used
    }
    expect(await used(plan.nodes)).toBeLessThanOrEqual(1 - margin)
    expect(plan.after.used).toBeCloseTo(await used(plan.nodes), 3)
    for (const { unit } of found.chosen) {
      const places = new Set(unit.nodes.map(({ id }) => id))
      expect(await used(plan.nodes.filter(({ place }) => !places.has(place)))).toBeGreaterThan(1 - margin)
    }
  })
})

test('what fusion and rounding break together is mended in rounding: some of three equal scales', async () => {
  const question = questionOf('combination', { recipes })
  const found = await mend(question, variantsOf(question, recipes.fp16), { margin })
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)
  expect(found.mended.cost).toBeLessThan(0.1)
  const plan = planOf(question, variantsOf(question, recipes.fp16), found, margin)
  expect(plan.nodes.every(({ operator }) => ['Mul', 'Identity'].includes(operator))).toBe(true)
  // what the recipe keeps already is no entry of the plan
  expect(plan.recipe).toEqual(recipes.fp16)
})

describe('int8 with the rest in fp16', () => {
  const recipe = { rest: 'fp16' } as const
  const question = { ...questionOf('benign', { recipes: { int8: recipe } }), precision: 'int8' as const }
  test('leaves to the rest what need not be FP32, and each entry is needed', async () => {
    const tight = { ...question, tolerance: { absRel: 0.001 } }
    const variants = variantsOf(tight, recipe)
    const found = await mend(tight, variants, { margin, frontier: 4 })
    if (found.type !== 'mended') throw new Error(found.type)
    const plan = planOf(tight, variants, found, margin)
    expect(plan.nodes.map(node => node.in)).toContain('fp16')
    expect(found.mended).toMatchObject({ rest: plan.nodes.filter(node => node.in === 'fp16').length })
    // FP16 costs less than FP32, and the frontier ends in FP32
    expect(found.mended.cost).toBeLessThan(1)
    expect(found.frontier!.at(-1)).toMatchObject({ cost: 1, rest: 0 })
    expect(mendText('net', 'int8', margin, found).join('\n')).toMatch(/\d products? not quantised/)

    const { evaluate } = engineEvaluator(tight, variants)
    const used = async (kept: typeof plan.nodes) =>
      worstOfTrial(await evaluate(planRecipe({ ...plan, nodes: kept }, tight.onnx, 'plan').recipe)).used
    expect(plan.after.used).toBeCloseTo(await used(plan.nodes), 3)
    for (const { unit } of found.chosen) {
      const places = new Set(unit.nodes.map(({ id }) => id))
      expect(await used(plan.nodes.filter(({ place }) => !places.has(place)))).toBeGreaterThan(1 - margin)
    }
    expect(trtexecArguments(plan).text).toMatch(/^--int8 --fp16 .*layerPrecisions=.*:fp16/)
  })

  test('asks what the rest alone costs, where nothing is quantised', async () => {
    const variants = variantsOf(question, recipe)
    const { units } = variants.candidates()
    const rest = units.map(({ quantized }): Level => (quantized ? 'full' : 'low'))
    const made = await variants.make(recipeFor(units, rest, recipe))
    expect(made.graph!.node.some(({ opType }) => opType === 'QuantizeLinear')).toBe(false)
    expect(made.graph!.node.some(({ opType }) => opType === 'Cast')).toBe(true)
  })

  test('puts what overflows in fp16 into FP32, unless it stands between quantised nodes alone', async () => {
    const trap = {
      ...questionOf('layernorm-overflow', { recipes: { int8: recipe } }),
      precision: 'int8' as const,
    }
    expect((await mend(trap, variantsOf(trap, recipe), { margin })).type).toBe('passes')
    // the norm is read by a product of the rest
    const variants = variantsOf(trap, { ...recipe, operators: ['Conv'] })
    const found = await mend(trap, variants, { margin })
    if (found.type !== 'mended') throw new Error(found.type)
    expect(planOf(trap, variants, found, margin).nodes.map(node => `${node.name} ${node.in}`)).toEqual(
      needs[0]![2],
    )
  })
})

test('where FP32 itself misses the golden, no set is looked for', async () => {
  const found = await mended('export-constant')
  expect(found).toMatchObject({ type: 'hopeless', trials: { run: 1 } })
  expect(found.fp32.worst.used).toBeGreaterThan(1)
})

test('what passes is left as it is', async () => {
  expect(await mended('benign')).toMatchObject({
    type: 'passes',
    trials: { run: 2 },
  })
})

test('axes that the network leaves open cost what they cost for the first scene', async () => {
  const question = questionOf('reciprocal-head')
  const model = readModel(question.onnx)
  const graph = model.graph!
  graph.valueInfo = []
  for (const { type } of [...graph.input, ...graph.output])
    if (type?.value.case === 'tensorType')
      for (const [axis, dim] of type.value.value.shape!.dim.entries())
        if (axis !== 1 || dim.value.value !== 3n) dim.value = { case: 'dimParam', value: `axis${axis}` }
  writeFileSync(question.onnx, Buffer.concat(encodeModel(model)))
  const costOf = (found: Mending) => ('mended' in found ? found.mended.cost : undefined)
  const fixed = costOf(await mended('reciprocal-head'))
  expect(fixed).toBeCloseTo(0.079, 3)
  expect(costOf(await mend(question, variantsOf(question, {}), { margin }))).toBe(fixed)
})

test('a tighter tolerance asks for more', async () => {
  const question = questionOf('benign')
  const found = await mend({ ...question, tolerance: { absRel: 1e-4 } }, variantsOf(question, {}), {
    margin,
    frontier: 4,
  })
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.mended.worst).toMatchObject({ limit: 'depth absRel' })
  expect(found.mended.nodes).toBeGreaterThan(0)
  expect(found.mended.cost).toBeLessThan(1)
  const [first, last] = [found.frontier![0]!, found.frontier!.at(-1)!]
  expect([first.cost, last.cost]).toEqual([0, 1])
  expect(first.worst.used).toBeGreaterThan(last.worst.used)
})

test('a search that was stopped goes on: nothing is tried twice, and the result is the same', async () => {
  const whole = await mended('reciprocal-head')
  const question = questionOf('reciprocal-head')
  const variants = variantsOf(question, {})
  const onTrial = (_: unknown, run: number) => {
    if (run === 5) throw new Error('stopped')
  }
  await expect(mend(question, variants, { margin, onTrial })).rejects.toThrow('stopped')
  const again = await mend(question, variants, { margin })
  expect(again.trials).toMatchObject({ run: whole.trials.run - 5, remembered: 5 })
  const facts = (found: Mending) => ('mended' in found ? found.mended : undefined)
  expect(facts(again)).toEqual(facts(whole))
  // another tolerance is another question
  const other = await mend({ ...question, tolerance: { absRel: 0.5 } }, variants, { margin })
  expect(other.trials.remembered).toBe(0)
})

describe('explain', () => {
  test('names the nodes at which a layer norm overflows, alone and from where on', async () => {
    const found = await explained('layernorm-overflow', {})
    const named = (id: string | undefined) => found.nodes.find(node => node.id === id)?.label
    expect(named(found.first.overflow)).toBe('/norm/Pow')
    expect(
      found.units
        .slice(0, 4)
        .map(({ label, sharedBy }) => [label, sharedBy])
        .sort(),
    ).toEqual([
      ['/norm/Add', 1],
      ['/norm/Pow', 1],
      ['/norm/ReduceMean_1', 1],
      ['/norm/Sqrt', 1],
    ])
    // four times an overflow: none of them alone in FP32 helps
    for (const { without } of found.units.slice(0, 4)) expect(without).toBeGreaterThan(1)
    expect(found.units[4]!.alone).toBeLessThan(0.1)
  })

  test('the attention that overflows makes its scene not finite', async () => {
    const found = await explained('attention-logits', {})
    expect(found.broken).toEqual(['slopes'])
    expect(found.units[0]).toMatchObject({ alone: Number.POSITIVE_INFINITY, sharedBy: 1 })
  })

  test('what summing adds is told apart from rounding', async () => {
    const found = await explained('long-sums', { accumulate: 'fp16' })
    const product = found.nodes.find(({ label }) => label === '/MatMul')!
    expect(product.local.relative).toBeLessThan(1e-3)
    expect(product.sums).toBeGreaterThan(0.02)
    expect(found.units[0]).toMatchObject({ label: '/MatMul', sharedBy: 1 })
    expect(found.units[0]!.without).toBeLessThan(0.1)
  })
})

test.each<[string, Question['precision'], Recipe, number]>([
  ['fp16', 'fp16', {}, 1e-7],
  ['int8', 'int8', {}, 1e-6],
  ['int8 beside fp16', 'int8', { rest: 'fp16' }, 2e-5],
])(
  '%s of which nothing can stay has no plan: the gate would have nothing to make by it',
  async (_what, precision, recipe, absRel) => {
    const question: Question = { ...questionOf('benign'), precision, tolerance: { absRel } }
    const found = await mend(question, variantsOf(question, recipe), { margin })
    expect(found).toMatchObject({ type: 'unconfirmed', chosen: [], best: found.fp32 })
    expect(mendText('benign', precision, margin, found).join('\n')).toContain('no set of nodes was found')
  },
)
