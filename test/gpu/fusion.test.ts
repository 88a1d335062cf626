import { afterAll, beforeAll, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { attribute } from '../../src/gate/attribute.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { keep, pocketProject, sharedFolder, trt } from './helpers.ts'

let model: Model
beforeAll(() => {
  // limits that FP16 breaks and FP32 keeps
  const tight = { fp16: { absRel: 1e-5 } }
  model = pocketProject(
    { trt },
    { outputs: { depth: { range: { min: 0.1, max: 60 }, tolerance: tight } } },
    sharedFolder(),
  ).model
})
afterAll(releaseEngines)

const run = (precision: 'fp32' | 'fp16', fusion: 'on' | 'off') =>
  inferModel(model, { scene: 'room', precision, fusion, engine: 'trt' })

test("fusion: 'off' keeps layers apart and the figures right", async () => {
  const [fused, apart] = [await run('fp32', 'on'), await run('fp32', 'off')]
  keep('fusion.jsonl', { on: fused.plan, off: apart.plan })
  expect(apart.plan!.layers).toBeGreaterThan(fused.plan!.layers)
  const { verdict } = judgeInference(model, { ...apart, precision: 'fp32' })
  expect(verdict.pass, verdict.reason).toBe(true)
})

test('a failing case is attributed on TensorRT itself', async () => {
  const failing = await run('fp16', 'on')
  const { verdict } = judgeInference(model, failing)
  expect(verdict.pass).toBe(false)
  const attribution = await attribute(model, failing, verdict)
  keep('attribution.jsonl', attribution)
  expect(attribution!.corners.map(({ precision, fusion, sums }) => [precision, fusion, sums])).toEqual([
    ['fp32', 'off', undefined],
    ['fp32', 'on', undefined],
    ['fp16', 'off', 'fp32'],
    ['fp16', 'off', 'engine'],
    ['fp16', 'on', 'engine'],
  ])
  for (const corner of attribution!.corners) {
    expect(corner.problem).toBeUndefined()
    expect(corner.arithmetic).toBe('native')
    expect(corner.error).toBeGreaterThan(0)
  }
  const errors = attribution!.corners.map(({ error }) => error)
  expect(Math.max(errors[0]!, errors[1]!)).toBeLessThan(1e-5)
  expect(Math.min(errors[2]!, errors[3]!, errors[4]!)).toBeGreaterThan(1e-5)
  expect(['number format', 'accumulation']).toContain(attribution!.cause)
})
