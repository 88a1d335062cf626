import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { depthIn, trt as given, keep, pocketProject } from './helpers.ts'

afterAll(releaseEngines)

// the timings of kernels lie where they do by default: beside the plans
const { timingCache: _, ...trt } = given
const engines = { trt, tf32: { ...trt, allowTf32: true } }
const plain = pocketProject(engines)
const summed = pocketProject(engines, { recipes: { fp16: { accumulate: 'fp32' } } })

/** One scene at fp16; what came out is kept whatever is expected of it. */
async function judged(name: string, model: Model, engine: keyof typeof engines) {
  const inference = await inferModel(model, { scene: 'street', precision: 'fp16', engine })
  const { verdict } = judgeInference(model, inference)
  const { absRel = Number.NaN, rmse } = depthIn(verdict)
  const { buildSeconds, bytes, fresh } = inference.plan!
  keep('sums.jsonl', { name, engine, pass: verdict.pass, absRel, rmse, buildSeconds, bytes, fresh })
  return { fingerprint: inference.fingerprint, absRel, buildSeconds, fresh }
}

test('sums in TF32 kernels are as near as sums in FP32, and nearer than sums in FP16', async () => {
  const inFp16 = await judged('fp16', plain.model, 'trt')
  const inFp32 = await judged('fp16, sums in FP32', summed.model, 'trt')
  const inTf32 = await judged('fp16, sums in TF32 kernels', summed.model, 'tf32')
  expect(inFp32.fingerprint.tf32).toBe('off')
  expect(inTf32.fingerprint).toMatchObject({ tf32: 'on', precision: 'fp16', options: { allowTf32: true } })
  expect(inTf32.absRel).toBeLessThan(1.2 * inFp32.absRel)
  expect(inTf32.absRel).toBeLessThan(inFp16.absRel)
})

test('timings of kernels stay beside the plans: a plan that was deleted is back sooner, and computes alike', async () => {
  const plans = join(plain.folder, '.depthgate/plans')
  const first = await judged('fp16', plain.model, 'trt')
  await releaseEngines()
  for (const file of readdirSync(plans)) if (!file.startsWith('timings-')) rmSync(join(plans, file))
  expect(readdirSync(plans)).toEqual([expect.stringMatching(/^timings-[0-9a-f]{16}\.bin$/)])
  const again = await judged('fp16, built again', plain.model, 'trt')
  expect(again.fresh).toBe(true)
  expect(again.buildSeconds).toBeLessThan(0.7 * first.buildSeconds!)
  expect(again.absRel).toBeCloseTo(first.absRel, 4)
})
