import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { honestJson } from '../../src/base/json.ts'
import { releaseEngines, withEngine } from '../../src/engines/pool.ts'
import { engineEvaluator, type Question } from '../../src/explain/evaluator.ts'
import { explain } from '../../src/explain/explain.ts'
import { explainOn } from '../../src/explain/explain-on.ts'
import { guideFor } from '../../src/explain/guide.ts'
import type { Mending } from '../../src/explain/mend.ts'
import { mendOn } from '../../src/explain/mend-on.ts'
import { planOf } from '../../src/explain/plan-of.ts'
import { profiled } from '../../src/explain/target.ts'
import { type Recipe, variantsOf } from '../../src/explain/variants.ts'
import { findModel, loadConfig, type Model } from '../../src/gate/config.ts'
import { requestFor } from '../../src/gate/infer.ts'
import { explainText } from '../../src/report/explain-text.ts'
import { repo, temporaryFolder, writeConfig } from '../helpers/files.ts'
import { trapCase, trapQuestion, traps } from '../helpers/models.ts'
import { keep, pocketProject, python, trt } from './helpers.ts'

afterAll(releaseEngines)

const margin = 0.1

function ask(model: Model, onnx: string, scenes: string[]): Question {
  return { model, onnx, precision: 'fp16', engine: 'trt', scenes }
}

/** Mends on TensorRT, and keeps what came of it: a row of the table, also where the test fails. */
async function mended(name: string, question: Question, recipe: Recipe = {}): Promise<Mending> {
  const started = performance.now()
  const told = { name, level: trt.optimizationLevel, tolerance: question.tolerance }
  try {
    const variants = variantsOf(question, recipe)
    const found = await mendOn(question, variants, guideFor(question, recipe), { margin })
    const seconds = (performance.now() - started) / 1000
    const plan = found.type === 'mended' ? planOf(question, variants, found, margin) : undefined
    const text = honestJson({ ...told, seconds, ...found, chosen: undefined, plan })
    keep('mend.jsonl', JSON.parse(text))
    return found
  } catch (thrown) {
    keep('mend.jsonl', { ...told, error: String(thrown), seconds: (performance.now() - started) / 1000 })
    throw thrown
  } finally {
    keepLayers(name, question.model.root)
  }
}

/** What TensorRT's inspector told of every plan. */
function keepLayers(name: string, root: string): void {
  const out = process.env.DEPTHGATE_GPU_OUT
  const plans = join(root, '.depthgate/plans')
  if (!out) return
  mkdirSync(join(out, 'layers'), { recursive: true })
  for (const file of readdirSync(plans))
    if (file.endsWith('.layers.json')) cpSync(join(plans, file), join(out, 'layers', `${name}-${file}`))
}

/** Half of what plain FP16 loses on TensorRT, in the error that people ask for most. */
async function halved(question: Question): Promise<Question> {
  const wide = { ...question, tolerance: { absRel: 0.01 } }
  const trial = await engineEvaluator(wide, variantsOf(wide, {})).evaluate({})
  const used = Math.max(...trial.map(scene => Math.max(...Object.entries(scene.used).flatMap(absRelOf))))
  return { ...question, tolerance: { absRel: Number((used * 0.005).toPrecision(2)) } }
}

function absRelOf([limit, used]: [string, number]): number[] {
  return limit.endsWith('absRel') ? [used] : []
}

function confirmed(found: Mending): Extract<Mending, { type: 'mended' }> {
  expect(found.type).toBe('mended')
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.confirmation!.builds.sets).toBeLessThanOrEqual(3)
  expect(found.mended.worst.used).toBeLessThanOrEqual(1 - margin)
  expect(found.confirmation!.notes).toEqual([])
  expect(found.confirmation!.cost).toBe('measured')
  return found
}

describe('pocket', () => {
  const { model, folder } = pocketProject({ trt })
  const question = ask(model, join(folder, 'pocket.onnx'), ['kitchen', 'street'])

  test('within half of what FP16 loses; the plan passes the gate; asked again, nothing is built', async () => {
    const asked = await halved(question)
    const found = confirmed(await mended('pocket', asked))
    const again = await mended('pocket again', asked)
    expect(again.confirmation!.builds.fresh).toBe(0)
    expect(again.trials.run).toBe(0)
    expect(again).toMatchObject({ mended: { worst: found.mended.worst } })
  })

  test('layers and nodes find each other, and their times come near the latency', async () => {
    for (const precision of ['fp32', 'fp16'] as const) {
      const { request } = await requestFor(model, { scene: 'kitchen', precision, engine: 'trt' })
      await withEngine(request, async loaded => {
        const map = await profiled(question, loaded, request.onnx)
        keep('layers.jsonl', map)
        const mapped = Object.keys(map.layersOf).length
        expect(mapped).toBeGreaterThan(300)
        expect(map.unmapped / map.milliseconds).toBeLessThan(0.2)
      })
    }
  })

  test('explain: layers, tensors and the output by three builds', async () => {
    const asked = { ...question, scenes: ['kitchen'], tolerance: { absRel: 3e-4 } }
    const guide = guideFor(asked, {})
    const guided = await explain(guide.question, guide.variants, { trials: 8, top: 1 })
    const found = await explainOn(asked, variantsOf(asked, {}), guided)
    const { layers, probed, target, nodes } = found
    keep('explain.jsonl', {
      layers,
      probed,
      target,
      nodes: nodes.map(({ id, accumulated, onEngine }) => [id, accumulated.relative, onEngine?.relative]),
    })
    keepLayers('explain', folder)
    keep('explain.txt', explainText(found, 12).join('\n'))
    expect(target!.notes).toEqual([])
    expect(probed!.tensors).toBeGreaterThan(0.9 * nodes.length)
    // the emulation and TensorRT see errors of one size
    const ratios = nodes
      .flatMap(({ accumulated, onEngine }) =>
        onEngine && accumulated.relative > 1e-5 ? [onEngine.relative / accumulated.relative] : [],
      )
      .sort((a, b) => a - b)
    expect(ratios[ratios.length >> 1]).toBeGreaterThan(0.5)
    expect(ratios[ratios.length >> 1]).toBeLessThan(4)
  })
})

/** Networks of bench/fidelity, exported and captured here by PyTorch. */
test.each(['vit_small', 'vit4'])('%s within half of what FP16 loses', async name => {
  const folder = temporaryFolder()
  const python3 = (file: string, ...args: string[]) =>
    execFileSync(python, ['-W', 'ignore', join(repo, 'bench/fidelity', file), ...args], { stdio: 'pipe' })
  python3('export.py', '--only', name, '--out', folder)
  execFileSync(
    process.execPath,
    [
      ...[join(repo, 'dist/cli/main.js'), 'capture', '--python', python, '--device', 'cpu'],
      ...['--model', `${join(repo, 'bench/fidelity/networks.py')}:${name}`],
      ...['--scenes', join(folder, 'scenes', name, '*.png'), '--out', join(folder, 'golden', name)],
      ...['--onnx', join(folder, `${name}.onnx`), '--output', 'depth=relative-inverse-depth'],
      ...['--mean', '.485,.456,.406', '--std', '.229,.224,.225'],
    ],
    { stdio: 'pipe' },
  )
  writeConfig(folder, { engines: { trt }, models: { [name]: { onnx: `${name}.onnx` } } })
  const model = findModel(loadConfig(join(folder, 'depthgate.config.json')), name)
  const question = ask(
    model,
    join(folder, `${name}.onnx`),
    Object.keys(model.golden.manifest.scenes).slice(0, 1),
  )
  confirmed(await mended(name, await halved(question)))
})

test.each(traps)('%s is mended in at most three builds, needs nothing, or cannot be', async name => {
  const found = await mended(name, trapQuestion(name, {}, { trt }), trapCase(name).recipes?.fp16)
  if (name === 'export-constant') expect(found.type).toBe('hopeless')
  else if (found.type !== 'passes') confirmed(found)
})
