import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { depthIn, keep, pocketProject, recipes, scenes, sharedFolder, trt } from './helpers.ts'

let model: Model
beforeAll(() => {
  model = pocketProject({ trt }, {}, sharedFolder()).model
})
afterAll(releaseEngines)

/** One scene judged; what came out is kept whatever is expected of it. */
async function judged(precision: Precision, scene: string, of: Model = model) {
  const inference = await inferModel(of, { scene, precision, engine: 'trt' })
  const { verdict } = judgeInference(of, inference)
  const { absRel, rmse, p99Rel } = depthIn(verdict)
  const { buildSeconds, bytes, layers } = inference.plan!
  keep('precisions.jsonl', {
    ...{ precision, scene, pass: verdict.pass, reason: verdict.reason },
    ...{ absRel, rmse, p99Rel },
    ...{ milliseconds: inference.milliseconds, buildSeconds, bytes, layers },
    inspection: inference.plan!.inspection,
    fingerprint: inference.fingerprint,
  })
  return { inference, verdict, absRel: absRel ?? Number.NaN }
}

describe('pocket against its goldens', () => {
  test.each<Precision>(['fp32', 'tf32', 'fp16', 'bf16', 'int8'])('at %s', async precision => {
    for (const scene of scenes) {
      const { inference, verdict } = await judged(precision, scene)
      expect(inference.fingerprint).toMatchObject({
        ...{ engine: 'tensorrt', precision, arithmetic: 'native', fusion: 'on', provider: 'cuda' },
        tf32: precision === 'tf32' ? 'on' : 'off',
        engineVersion: expect.stringMatching(/^\d+\.\d+/),
        computeCapability: expect.stringMatching(/^\d+\.\d$/),
      })
      expect.soft(verdict.pass, verdict.reason).toBe(true)
    }
  })

  test('at fp8 with nothing kept: edges go astray, as on the CPU', async () => {
    const { verdict, absRel } = await judged('fp8', 'room')
    expect(verdict.reason).toMatch(/edgeF1Drop .* its limit/)
    expect(verdict.pass).toBe(false)
    expect(absRel).toBeLessThan(0.02)
  })

  test('fp32 is FP32: without TF32 the error is that of the order of sums alone', async () => {
    const [full, reduced] = [await judged('fp32', 'room'), await judged('tf32', 'room')]
    expect(full.absRel).toBeLessThan(2e-5)
    expect(reduced.absRel).toBeGreaterThan(5 * full.absRel)
  })

  test('bf16 with nothing kept builds, or the error names the operator and how to keep it', async () => {
    const { bf16: _, ...others } = recipes
    const whole = pocketProject({ trt }, { recipes: others }).model
    const said = await judged('bf16', 'room', whole).then(
      ({ verdict }) => verdict.reason,
      (thrown: Error) => thrown.message,
    )
    keep('errors.jsonl', said)
    expect(said).toMatch(/No supported formats for .*\nKeep it FP32: recipes: \{ bf16: \{ keep: |tolerance/s)
  })
})
