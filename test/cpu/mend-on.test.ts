import { afterAll, expect, onTestFinished, test, vi } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { engineEvaluator, type Question, worstOfTrial } from '../../src/explain/evaluator.ts'
import { throughout } from '../../src/explain/even.ts'
import { explain } from '../../src/explain/explain.ts'
import { explainOn } from '../../src/explain/explain-on.ts'
import { guideFor } from '../../src/explain/guide.ts'
import type { Levels } from '../../src/explain/levels.ts'
import type { Mending, MendOptions } from '../../src/explain/mend.ts'
import { mendOn } from '../../src/explain/mend-on.ts'
import { planOf } from '../../src/explain/plan-of.ts'
import { Target } from '../../src/explain/target.ts'
import { variantsOf } from '../../src/explain/variants.ts'
import { planRecipe } from '../../src/gate/precision-plan.ts'
import type { ReducedRecipe } from '../../src/gate/recipe.ts'
import { explainText } from '../../src/report/explain-text.ts'
import { mendText } from '../../src/report/mend-text.ts'
import { trapQuestion as questionOf } from '../helpers/models.ts'

afterAll(releaseEngines)

const margin = 0.1
/** The engine that is to be confirmed on sums in FP16, as kernels of a GPU may; the guide only rounds. */
const onTarget: ReducedRecipe = { accumulate: 'fp16' }

function guided(question: Question, recipe = onTarget, options: Partial<MendOptions> = {}): Promise<Mending> {
  return mendOn(question, variantsOf(question, recipe), guideFor(question, {}), { margin, ...options })
}

test('what the guide does not see is learned from the target, and mended within three sets', async () => {
  const question = questionOf('long-sums')
  const found = await guided(question)
  if (found.type !== 'mended') throw new Error(found.type)
  const { builds, sets, guide } = found.confirmation!
  expect(guide).toBe('emulation')
  expect(builds).toMatchObject({ ends: 2, sets: sets.length, frontier: 0 })
  expect(sets.length).toBeLessThanOrEqual(3)
  expect(found.low.worst.used).toBeGreaterThan(1)
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)

  const [mended, fp32] = [found.mended.latency!, found.fp32.latency!]
  expect(found.cheaper).toBe(mended < fp32 ? 'mended' : 'fp32')

  // the plan, by the gate's own path, keeps on the target what it says
  const plan = planOf(question, variantsOf(question, onTarget), found, margin)
  expect(plan.nodes.map(({ name }) => name)).toContain('/MatMul')
  expect(plan.made).toMatchObject({ guide: 'emulation', builds: sets.length + 2 })
  const { recipe } = planRecipe(plan, question.onnx, 'plan')
  const { evaluate } = engineEvaluator(question, variantsOf(question, onTarget))
  expect(worstOfTrial(await evaluate(recipe)).used).toBeCloseTo(found.mended.worst.used, 6)
})

test('a tighter tolerance, where rounding and sums both matter', async () => {
  const found = await guided({ ...questionOf('long-sums'), tolerance: { absRel: 1e-4 } }, onTarget, {
    frontier: 4,
  })
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.confirmation!.sets.length).toBeLessThanOrEqual(3)
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)
  expect(found.mended.cost).toBeLessThan(1)
  const costs = found.frontier!.map(({ cost }) => cost)
  expect([costs[0], costs.at(-1)]).toEqual([0, 1])
  expect(found.confirmation!.builds.frontier).toBeGreaterThan(0)
})

test('what the target keeps as it is needs one build; what FP32 misses there none', async () => {
  expect(await guided(questionOf('benign'), {})).toMatchObject({
    type: 'passes',
    confirmation: { builds: { ends: 1, sets: 0 }, sets: [] },
  })
  const hopeless = await guided(questionOf('export-constant'), {})
  expect(hopeless.type).toBe('hopeless')
  expect(hopeless.confirmation).toBeUndefined()
})

test('stopped in the middle it goes on: nothing is built twice but what says where memory lies', async () => {
  const question = questionOf('long-sums')
  let run = 0
  const count = () => {
    if (++run === 12) throw new Error('stopped')
  }
  await expect(guided(question, onTarget, { onTrial: count, onBuild: count })).rejects.toThrow('stopped')
  const [first, again] = [await guided(question), await guided(question)]
  expect(first.trials.remembered).toBeGreaterThan(5)
  expect(again.trials.run).toBe(0)
  expect(again).toMatchObject({ type: 'mended', mended: (first as { mended: object }).mended })
})

// at the tighter limit what is kept for later sets is all that is left for the first
test.each([
  [10, 1e-4],
  [14, 1e-4],
  [24, 1e-4],
  [14, 3e-5],
  [16, 3e-5],
])('%s trials are no more than that, and lead to an answer that holds: absRel %s', async (limit, absRel) => {
  const question = { ...questionOf('long-sums'), tolerance: { absRel } }
  let most = 0
  const onTrial: MendOptions['onTrial'] = (_, run, { done }) => {
    most = Math.max(most, run, done)
  }
  const found = await guided(question, onTarget, { limit, onTrial })
  expect(most).toBeLessThanOrEqual(limit)
  expect(found.trials.run).toBeLessThanOrEqual(limit)
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)
  expect(found.mended.cost).toBeLessThan(1)
})

test('an engine that cannot run the network in the format takes nothing of what the guide told', async () => {
  const question = questionOf('benign')
  const app = (command: string[]): Question => ({
    ...question,
    engine: 'app',
    model: { ...question.model, engines: new Map([['app', { engine: 'command', command }]]) },
  })
  const guide = guideFor(question, {})
  const found = await explain(guide.question, guide.variants, { trials: 8, top: 1 })
  const explainedOn = (asked: Question) => explainOn(asked, variantsOf(asked, {}), found)
  const failing = app([process.execPath, '-e', 'process.exit(3)', '{onnx}', '{input}', '{output:depth}'])
  const told = await explainedOn(failing)
  expect(told).toMatchObject({ nodes: found.nodes, target: { engine: 'app' } })
  expect(told.target!.low).toBeUndefined()
  expect(told.target!.notes).toEqual([
    expect.stringMatching(/^the network in fp16 could not be run: .*ended with exit code 3/),
  ])
  expect(explainText(told, 5)).toEqual(expect.arrayContaining([...told.target!.notes]))
  // an engine that is missing is an error
  const missing = app(['/nowhere/app', '{onnx}', '{input}', '{output:depth}'])
  await expect(explainedOn(missing)).rejects.toThrow(/cannot be started/)
})

/** A target that has no kernel for some sets, as TensorRT has none for some mixtures. */
function refuse(isRefused: (levels: Levels, what: 'sets' | 'frontier') => boolean): void {
  const attempt = Target.prototype.attempt
  const spy = vi.spyOn(Target.prototype, 'attempt').mockImplementation(async function (
    this: Target,
    levels,
    what,
  ) {
    return isRefused(levels, what) ? { fault: 'net.onnx: no kernel' } : attempt.call(this, levels, what)
  })
  onTestFinished(() => spy.mockRestore())
}

test('after a set that the target cannot build comes one that is less of a mixture', async () => {
  const sets: Levels[] = []
  refuse(levels => sets.push(levels) === 1)
  const question = { ...questionOf('long-sums'), tolerance: { absRel: 2e-4 } }
  const found = await guided(question)
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.confirmation!.sets).toEqual([
    expect.objectContaining({ why: 'first', fault: expect.any(String) }),
    expect.objectContaining({ why: 'uneven', point: found.mended }),
  ])
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)
  // sums alone are not expected to do here
  const { units } = variantsOf(question, onTarget).candidates()
  expect(throughout(units, sets[0]!)).toContainEqual(sets[1])
  expect(mendText('net', 'fp16', margin, found).join('\n')).toContain(
    'build 1 (as guided): TensorRT has no kernel for it',
  )
})

test('of those the cheapest is all products of an operator, summed in FP32, where that is expected to do', async () => {
  const sets: Levels[] = []
  refuse(levels => sets.push(levels) === 1)
  const found = await guided(questionOf('long-sums'))
  if (found.type !== 'mended') throw new Error(found.type)
  // of the two products the first set took one; both sum what FP16 cannot
  expect(sets.map(set => set.filter(level => level !== 'low'))).toEqual([['sum'], ['sum', 'sum']])
  expect(found.chosen.map(({ unit, level }) => [unit.operator, level])).toEqual([
    ['MatMul', 'sum'],
    ['MatMul', 'sum'],
  ])
})

test('where nothing can be built that keeps the limits, the answer is FP32', async () => {
  refuse(() => true)
  const found = await guided(questionOf('layernorm-overflow'), {})
  if (found.type !== 'unconfirmed') throw new Error(found.type)
  const { sets } = found.confirmation!
  expect(sets.length).toBeGreaterThan(1)
  expect(sets.every(set => 'fault' in set)).toBe(true)
  expect(found).toMatchObject({ best: found.fp32, chosen: [] })
  expect(mendText('net', 'fp16', margin, found).join('\n')).toMatch(
    /FP32 as a whole keeps it\. .* or set\nanother `optimizationLevel` of the engine/,
  )
})

test('points of the frontier that cannot be built are missing there, and counted', async () => {
  let asked = 0
  refuse((_levels, what) => what === 'frontier' && asked++ === 0)
  const found = await guided(questionOf('long-sums'), onTarget, { frontier: 5 })
  if (found.type !== 'mended') throw new Error(found.type)
  expect(asked).toBeGreaterThan(1)
  expect(found.confirmation!.notes).toEqual(['1 point of the frontier could not be built'])
  expect(found.frontier!.length).toBeGreaterThan(2)
})
