import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Fusion, Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { runGate } from '../../src/gate/gate.ts'
import type { CaseRecord } from '../../src/gate/run-record.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { keep, trt } from './helpers.ts'

interface Run extends Pick<ModelConfig, 'recipes'> {
  precision: Precision
  fusion?: Fusion
  pass: boolean
  cause?: string
  /** What is otherwise here. */
  tensorrt?: Partial<Run>
}

const networks = join(repo, 'fixtures/networks')
const names = readdirSync(networks, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)

afterAll(releaseEngines)

/** The trap networks on TensorRT: `tensorrt` in a case says where it behaves otherwise than the CPU. */
describe.each(names)('%s', name => {
  const { runs, ...spec } = JSON.parse(readFileSync(join(networks, name, 'case.json'), 'utf8'))
  // one folder for all runs of a network, so that they share plans
  const folder = temporaryFolder()
  cpSync(join(networks, name, 'net.onnx'), join(folder, 'net.onnx'))
  cpSync(join(networks, name, 'golden'), join(folder, 'golden'), { recursive: true })

  test.each(
    (runs as Run[])
      .map(({ tensorrt, ...run }) => ({ ...run, ...tensorrt }))
      .map((run, i) => [`${i} ${run.precision} fusion ${run.fusion ?? 'on'}`, run] as const),
  )('%s', async (title, run) => {
    const recipes = spec.recipes ?? run.recipes
    const file = join(folder, `${title.split(' ')[0]}.json`)
    const config = {
      engines: { trt },
      models: {
        net: {
          ...{ onnx: 'net.onnx', golden: 'golden', fusion: run.fusion ?? 'on' },
          ...(recipes && { recipes }),
          ...(spec.tolerance && { outputs: { depth: { tolerance: spec.tolerance } } }),
        },
      },
    }
    writeFileSync(file, JSON.stringify(config))
    const loaded = loadConfig(file)
    const one = { model: findModel(loaded, 'net'), precision: run.precision, scene: 'slopes', engine: 'trt' }
    // the corners of FP16 are told also where it passes: they say why
    const records: CaseRecord[] = []
    for await (const { record } of runGate(loaded, [one], { attributeAll: run.precision === 'fp16' }))
      records.push(record)
    const told = toldOf(records[0]!)
    keep('networks.jsonl', { name, run, told })
    expect(records).toHaveLength(1)
    expect(told).toMatchObject({ pass: run.pass, ...(!run.pass && { cause: run.cause }) })
  })
})

function toldOf(record: CaseRecord) {
  if (record.type !== 'judged') return record
  const { pass, reason, attribution } = record.verdict
  return { pass, reason, cause: pass ? undefined : attribution?.cause, corners: attribution?.corners }
}
