import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { workerOrError } from '../../src/engines/tensorrt/workers.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { keep, pocketProject, trt } from './helpers.ts'

afterAll(releaseEngines)
const { host } = await workerOrError(trt)

describe.runIf(host.weakTyping)('weak typing', () => {
  // three builds of kernels that are tried in two types: the lowest level is quick
  const weak = { ...trt, optimizationLevel: 0, typing: 'weak' as const, timingCache: 'timing.bin' }
  const { model, folder } = pocketProject({
    weak,
    kept: { ...weak, fp32Layers: ['/./'] },
    none: { ...weak, fp32Layers: ['/no such layer/'] },
  })

  test.each<[Precision, string]>([
    ['fp16', 'weak'],
    ['int8', 'weak'],
    ['fp16', 'kept'],
  ])('at %s on %s', async (precision, engine) => {
    const inference = await inferModel(model, { scene: 'room', precision, engine })
    const { verdict } = judgeInference(model, inference)
    keep('weak.jsonl', {
      precision,
      engine,
      pass: verdict.pass,
      reason: verdict.reason,
      plan: inference.plan,
    })
    expect(inference.fingerprint.options).toMatchObject({ typing: 'weak' })
    expect(Object.values(inference.outputs).every(value => value !== undefined)).toBe(true)
    // the scenes calibrate INT8 without Q/DQ: how good that is, is for the gate to say
    if (precision !== 'int8') expect(verdict.pass, verdict.reason).toBe(true)
    expect(existsSync(join(folder, 'timing.bin'))).toBe(true)
  })

  test('a pattern of layers that matches none, and FP8, are refused', async () => {
    await expect(inferModel(model, { scene: 'room', precision: 'fp16', engine: 'none' })).rejects.toThrow(
      /fp32Layers: '\/no such layer\/' matches none of the \d+ layers/,
    )
    await expect(inferModel(model, { scene: 'room', precision: 'fp8', engine: 'weak' })).rejects.toThrow(
      /FP8 is only made from an ONNX that holds Q\/DQ/,
    )
  })
})

describe.runIf(!host.weakTyping)('weak typing on a TensorRT that has none', () => {
  test('is refused, and points to the variants', async () => {
    const { model } = pocketProject({ weak: { ...trt, typing: 'weak' } })
    await expect(inferModel(model, { scene: 'room', precision: 'fp16', engine: 'weak' })).rejects.toThrow(
      /has no weak typing any more.*the precision's own ONNX holds the types/,
    )
  })
})
