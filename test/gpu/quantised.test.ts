import { afterAll, describe, expect, test } from 'vitest'
import type { Precision } from '../../src/engines/engine.ts'
import { releaseEngines, withEngine } from '../../src/engines/pool.ts'
import { statistics } from '../../src/engines/statistics.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel, requestFor } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import type { QuantizedRecipe } from '../../src/gate/recipe.ts'
import { readInput } from '../../src/golden/store.ts'
import { depthIn, keep, pocketProject, scenes, trt } from './helpers.ts'

afterAll(releaseEngines)

const patterns = ['/^head\\./', '/^decoder\\.levels\\.\\d\\.(up|out)\\./']

/** The bundled network, quantised by the repository's own recipe with another rest. */
function withRest(rest: NonNullable<QuantizedRecipe['rest']>, more: QuantizedRecipe = {}): Model {
  const recipe: QuantizedRecipe = { keep: patterns, rest, ...more }
  return pocketProject({ trt, ort: { engine: 'onnxruntime' } }, { recipes: { int8: recipe, fp8: recipe } })
    .model
}

/** Median milliseconds of a CUDA graph. */
async function milliseconds(model: Model, precision: Precision): Promise<number> {
  const { request } = await requestFor(model, { scene: 'room', precision, engine: 'trt' })
  const timing = { warmup: 0.5, seconds: 1, graph: true, transfers: 'none' } as const
  return withEngine(
    request,
    async engine => statistics(await engine.time!(readInput(model.golden, 'room'), timing)).median,
  )
}

async function absRelOf(model: Model, scene: string, engine: string): Promise<number> {
  const { verdict } = judgeInference(model, await inferModel(model, { scene, precision: 'int8', engine }))
  return depthIn(verdict).absRel ?? Number.NaN
}

/** Judges all scenes, times one, and keeps the figures whatever they are. */
async function measured(name: string, model: Model, precision: Precision): Promise<string[]> {
  const failing: string[] = []
  for (const scene of scenes) {
    const inference = await inferModel(model, { scene, precision, engine: 'trt' })
    const { verdict } = judgeInference(model, inference)
    const { absRel, rmse } = depthIn(verdict)
    const { buildSeconds, bytes, layers } = inference.plan!
    keep('quantised.jsonl', {
      ...{ name, precision, scene, pass: verdict.pass, reason: verdict.reason },
      ...{ absRel, rmse },
      ...{ buildSeconds, bytes, layers, notes: inference.notes },
      inspection: inference.plan!.inspection,
    })
    expect(inference.fingerprint).toMatchObject({ engine: 'tensorrt', precision, arithmetic: 'native' })
    if (!verdict.pass) failing.push(`${scene}: ${verdict.reason}`)
  }
  keep('quantised.jsonl', { name, precision, graphMilliseconds: await milliseconds(model, precision) })
  return failing
}

describe('pocket in int8', () => {
  test('with the rest in fp16 builds as a strongly typed network and keeps its limits', async () => {
    expect(await measured('rest fp16', withRest('fp16'), 'int8')).toEqual([])
  })
  test('and with products of the rest summed in FP32, or TensorRT says which part it cannot compile', async () => {
    // 10.6 fails to compile kernels of its own there
    const failing = await measured(
      'rest fp16, sums fp32',
      withRest('fp16', { accumulate: 'fp32' }),
      'int8',
    ).catch((thrown: Error) => thrown.message)
    keep('errors.jsonl', failing)
    if (typeof failing === 'string')
      expect(failing).toMatch(/Could not find any implementation(.|\n)*no kernel for what/)
    else expect(failing).toEqual([])
  })
  test('and with its head in FP32', async () => {
    const [head, decoder] = patterns as [string, string]
    const model = withRest('fp16', { keep: [decoder], keepFp32: [head] })
    expect(await measured('rest fp16, head fp32', model, 'int8')).toEqual([])
  })
  test('and with nothing kept, ConvTranspose too, computes what the CPU does', async () => {
    // edges go astray on both
    const model = withRest('fp16', { keep: [] })
    await measured('rest fp16, nothing kept', model, 'int8')
    for (const scene of scenes) {
      const [there, here] = [await absRelOf(model, scene, 'trt'), await absRelOf(model, scene, 'ort')]
      expect(there / here).toBeGreaterThan(0.9)
      expect(there / here).toBeLessThan(1.1)
    }
  })
  test('is timed beside a rest in FP32, and beside fp16 as a whole', async () => {
    const model = withRest('fp32')
    expect(await measured('rest fp32', model, 'int8')).toEqual([])
    expect(await measured('fp16', model, 'fp16')).toEqual([])
  })
})

test('pocket in fp8 with the rest in fp16 builds', async () => {
  // its limits break on the CPU too: what is asked is whether TensorRT takes it
  const failing = await measured('rest fp16', withRest('fp16'), 'fp8')
  for (const reason of failing) expect(reason).not.toMatch(/not finite|NaN/)
})
