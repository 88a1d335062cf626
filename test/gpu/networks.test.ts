import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Fusion, Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { runGate } from '../../src/gate/gate.ts'
import type { CaseRecord } from '../../src/gate/run-record.ts'
import { temporaryFolder, writeConfig } from '../helpers/files.ts'
import { copyTrap, trapCase, traps } from '../helpers/models.ts'
import { keep, trt } from './helpers.ts'

interface Run extends Pick<ModelConfig, 'recipes'> {
  precision: Precision
  fusion?: Fusion
  pass: boolean
  cause?: string
  /** What is otherwise here. */
  tensorrt?: Partial<Run>
}

/** Each run of each network: a model of its own in one project, so that all share plans and one worker. */
const runs = traps.flatMap(name => {
  const { runs, ...spec } = trapCase(name)
  return (runs as Run[]).map(({ tensorrt, ...run }, i) => ({
    ...{ name, spec, model: `${name}-${i}` },
    run: { ...run, ...tensorrt },
  }))
})
const told = new Map<string, ReturnType<typeof toldOf>>()

afterAll(releaseEngines)
beforeAll(async () => {
  const folder = temporaryFolder()
  for (const name of traps) copyTrap(name, join(folder, name))
  writeConfig(folder, {
    engines: { trt },
    models: Object.fromEntries(runs.map(({ name, spec, model, run }) => [model, modelOf(name, spec, run)])),
  })
  const config = loadConfig(join(folder, 'depthgate.config.json'))
  // the corners of FP16 are told also where it passes: they say why; first, for they tell most
  for (const attributeAll of [true, false]) {
    const cases = runs
      .filter(({ run }) => (run.precision === 'fp16') === attributeAll)
      .map(({ model, run }) => ({
        model: findModel(config, model),
        ...{ precision: run.precision, scene: 'slopes', engine: 'trt' },
      }))
    for await (const { record } of runGate(config, cases, { attributeAll })) {
      const { name, run } = runs.find(({ model }) => model === record.model)!
      told.set(record.model, toldOf(record))
      keep('networks.jsonl', { name, run, told: toldOf(record) })
    }
  }
}, 1_200_000)

/** The trap networks on TensorRT: `tensorrt` in a case says where it behaves otherwise than the CPU. */
describe.each(traps)('%s', name => {
  test.each(
    runs
      .filter(each => each.name === name)
      .map(({ model, run }) => [`${run.precision}, fusion ${run.fusion ?? 'on'}`, model, run] as const),
  )('%s: %s', (_title, model, run) => {
    expect(told.get(model)).toMatchObject({ pass: run.pass, ...(!run.pass && { cause: run.cause }) })
  })
})

function modelOf(name: string, { recipes, tolerance }: Record<string, object | undefined>, run: Run): object {
  return {
    ...{ onnx: `${name}/net.onnx`, golden: `${name}/golden`, fusion: run.fusion ?? 'on' },
    ...((recipes ?? run.recipes) && { recipes: recipes ?? run.recipes }),
    ...(tolerance && { outputs: { depth: { tolerance } } }),
  }
}

function toldOf(record: CaseRecord) {
  if (record.type !== 'judged') return record
  const { pass, reason, attribution } = record.verdict
  return { pass, reason, cause: pass ? undefined : attribution?.cause, corners: attribution?.corners }
}
