import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import type { Model } from '../../src/gate/config.ts'
import { type Inference, inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { keep, pocketProject, scenes, trt } from './helpers.ts'

let model: Model
beforeAll(() => {
  model = pocketProject({ trt }).model
})
afterAll(releaseEngines)

async function absRel(
  precision: Precision,
  scene: string,
): Promise<{ inference: Inference; absRel: number }> {
  const inference = await inferModel(model, { scene, precision, engine: 'trt' })
  const { verdict } = judgeInference(model, inference)
  const depth = verdict.outputs.find(({ output }) => output === 'depth')
  const error = depth?.type === 'map' ? depth.metrics.absRel : Number.NaN
  const { buildSeconds, bytes, layers } = inference.plan!
  keep('precisions.jsonl', {
    ...{ precision, scene, pass: verdict.pass, reason: verdict.reason, absRel: error },
    ...(depth?.type === 'map' && { rmse: depth.metrics.rmse, p99Rel: depth.metrics.p99Rel }),
    ...{ milliseconds: inference.milliseconds, buildSeconds, bytes, layers },
    inspection: inference.plan!.inspection,
    fingerprint: inference.fingerprint,
  })
  expect(verdict.pass, verdict.reason).toBe(true)
  return { inference, absRel: error }
}

describe('pocket against its goldens', () => {
  test.each<Precision>(['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8'])('at %s', async precision => {
    for (const scene of scenes) {
      const { inference } = await absRel(precision, scene)
      expect(inference.fingerprint).toMatchObject({
        ...{ engine: 'tensorrt', precision, arithmetic: 'native', fusion: 'on', provider: 'cuda' },
        tf32: precision === 'tf32' ? 'on' : 'off',
        engineVersion: expect.stringMatching(/^\d+\.\d+/),
        computeCapability: expect.stringMatching(/^\d+\.\d$/),
      })
    }
  })

  test('fp32 is FP32: without TF32 the error is that of the order of sums alone', async () => {
    const [full, reduced] = [await absRel('fp32', 'room'), await absRel('tf32', 'room')]
    expect(full.absRel).toBeLessThan(2e-5)
    expect(reduced.absRel).toBeGreaterThan(5 * full.absRel)
  })
})
