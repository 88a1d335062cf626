import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Fusion, Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { runGate } from '../../src/gate/gate.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { keep, trt } from './helpers.ts'

interface Run extends Pick<ModelConfig, 'recipes'> {
  precision: Precision
  fusion?: Fusion
  pass: boolean
  cause?: string
}

const networks = join(repo, 'fixtures/networks')
const names = readdirSync(networks, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)

afterAll(releaseEngines)

/** The trap networks on TensorRT: what is kept here says where it behaves otherwise than the CPU. */
describe.each(names)('%s', name => {
  const { runs, ...spec } = JSON.parse(readFileSync(join(networks, name, 'case.json'), 'utf8'))
  // one folder for all runs of a network, so that they share plans
  const folder = temporaryFolder()
  cpSync(join(networks, name, 'net.onnx'), join(folder, 'net.onnx'))
  cpSync(join(networks, name, 'golden'), join(folder, 'golden'), { recursive: true })

  test.each(
    (runs as Run[]).map((run, i) => [`${i} ${run.precision} fusion ${run.fusion ?? 'on'}`, run] as const),
  )('%s', async (title, run) => {
    const recipes = spec.recipes ?? run.recipes
    const file = join(folder, `${title.split(' ')[0]}.json`)
    const config = {
      engines: { trt: { ...trt, optimizationLevel: 3 } },
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
    const model = findModel(loaded, 'net')
    const one = { model, precision: run.precision, scene: 'slopes', engine: 'trt' }
    for await (const { record } of runGate(loaded, [one], { attributeAll: true })) {
      const told =
        record.type === 'judged'
          ? {
              pass: record.verdict.pass,
              reason: record.verdict.reason,
              cause: record.verdict.pass ? undefined : record.verdict.attribution?.cause,
              corners: record.verdict.attribution?.corners,
            }
          : record
      keep('networks.jsonl', { name, run, told })
      expect(record.type).toBe('judged')
      expect.soft('pass' in told && told.pass).toBe(run.pass)
      expect.soft('cause' in told ? told.cause : undefined).toBe(run.cause)
    }
  })
})
