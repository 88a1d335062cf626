import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { Fusion, Precision } from '../../src/engines/engine.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { runGate } from '../../src/gate/gate.ts'
import { repo, temporaryFolder, writeConfig } from '../helpers/files.ts'
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

  test.each(
    (runs as Run[]).map((run, i) => [`${i} ${run.precision} fusion ${run.fusion ?? 'on'}`, run] as const),
  )('%s', async (_, run) => {
    const folder = temporaryFolder()
    cpSync(join(networks, name, 'net.onnx'), join(folder, 'net.onnx'))
    cpSync(join(networks, name, 'golden'), join(folder, 'golden'), { recursive: true })
    const recipes = spec.recipes ?? run.recipes
    writeConfig(folder, {
      engines: { trt: { ...trt, optimizationLevel: 3 } },
      models: {
        net: {
          ...{ onnx: 'net.onnx', golden: 'golden', fusion: run.fusion ?? 'on' },
          ...(recipes && { recipes }),
          ...(spec.tolerance && { outputs: { depth: { tolerance: spec.tolerance } } }),
        },
      },
    })
    const config = loadConfig(join(folder, 'depthgate.config.json'))
    const model = findModel(config, 'net')
    const one = { model, precision: run.precision, scene: 'slopes', engine: 'trt' }
    for await (const { record } of runGate(config, [one], { attributeAll: true })) {
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
