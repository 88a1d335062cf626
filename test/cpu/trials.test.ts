import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import type { Question, SceneTrial } from '../../src/explain/evaluator.ts'
import { everywhere, type Levels } from '../../src/explain/levels.ts'
import { Trials } from '../../src/explain/trials.ts'
import { variantsOf } from '../../src/explain/variants.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { repo, temporaryFolder, writeConfig } from '../helpers/files.ts'

afterAll(releaseEngines)

const scenes = ['chelsea', 'kitchen', 'street']

function pocketQuestion(): Question {
  const folder = temporaryFolder()
  const onnx = join(repo, 'models/pocket/pocket.onnx')
  writeConfig(folder, { models: { pocket: { onnx, golden: join(repo, 'golden/pocket') } } })
  const model = findModel(loadConfig(join(folder, 'depthgate.config.json')), 'pocket')
  return { model, onnx, precision: 'fp16', engine: 'cpu', scenes }
}

/** A search on three scenes. */
async function opened(question: Question, limit?: number) {
  const variants = variantsOf(question, {})
  const { units } = variants.candidates()
  const trials = await Trials.open(question, units, variants, limit ? { limit } : {})
  return { trials, low: everywhere(units, 'low') as Levels, one: mixed(units.length) }
}

function mixed(count: number): Levels {
  return Array.from({ length: count }, (_, unit) => (unit < 20 ? 'full' : 'low'))
}

const seen: string[] = []
const failsOn = (...names: string[]) => ({
  fits: ({ scene }: SceneTrial) => {
    seen.push(scene)
    return !names.includes(scene)
  },
})

test('after a scene that fails no other is run, and the next set is tried on that first', async () => {
  const { trials, low, one } = await opened(pocketQuestion())
  seen.length = 0
  expect(await trials.fit(low, failsOn('kitchen').fits)).toBe(false)
  expect(new Set(seen)).toEqual(new Set(['chelsea', 'kitchen']))
  seen.length = 0
  expect(await trials.fit(one, failsOn('kitchen').fits)).toBe(false)
  expect(new Set(seen)).toEqual(new Set(['kitchen']))
  // what is known to fail takes no trial
  expect(await trials.fit(one, failsOn('kitchen').fits)).toBe(false)
  expect(trials.run).toBe(2)
  expect(await trials.fit(one, failsOn().fits)).toBe(true)
  expect(trials.run).toBe(3)
})

test('each scene is run once, and all are told in one order', async () => {
  const question = pocketQuestion()
  const { trials, low } = await opened(question)
  trials.lead(['street'])
  const [street] = await trials.trial(low, ['street'])
  const all = await trials.trial(low)
  expect(all.map(({ scene }) => scene)).toEqual(scenes)
  expect(all[2]).toEqual(street)
  expect([trials.run, trials.left]).toEqual([2, trials.limit - 2])
  // another process finds it all, and counts it all the same
  const again = (await opened(question)).trials
  expect(await again.trial(low, ['street'])).toEqual([street])
  expect(await again.trial(low)).toEqual(all)
  expect([again.run, again.remembered, again.left]).toEqual([0, 2, again.limit - 2])
})

test('without a trial left nobody can tell', async () => {
  const { trials, low, one } = await opened(pocketQuestion(), 2)
  expect(await trials.fit(low, () => true)).toBe(true)
  expect(trials.spent).toBe(false)
  expect(await trials.fit(one, () => true, 1)).toBeUndefined()
  expect(trials.spent).toBe(true)
  // what was tried is known
  expect(await trials.fit(low, () => true, 1)).toBe(true)
  expect(await trials.fit(one, () => true)).toBe(true)
  expect(trials.left).toBe(0)
})
