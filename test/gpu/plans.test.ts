import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { builds } from '../../src/engines/tensorrt/build-progress.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { trt as given, keep, pocketProject } from './helpers.ts'

afterAll(releaseEngines)
// four builds: the lowest level is quick
const trt = { ...given, optimizationLevel: 0 }
const shared = pocketProject({ trt })
const once32 = { scene: 'room', precision: 'fp32', engine: 'trt' } as const

describe('the plan cache', () => {
  test('a second run builds nothing; a damaged plan is built anew', async () => {
    const states: string[] = []
    builds.on('progress', ({ state }) => states.push(state))
    const first = await inferModel(shared.model, once32)
    expect(first.plan!.fresh).toBe(true)
    expect(states).toContain('building')
    await releaseEngines()

    states.length = 0
    const second = await inferModel(shared.model, once32)
    expect(second.plan).toMatchObject({ fresh: false, path: first.plan!.path })
    expect(states).toEqual([])
    keep('plans.jsonl', { first: first.plan!.buildSeconds, fresh: [first.plan!.fresh, second.plan!.fresh] })
    await releaseEngines()

    truncateSync(first.plan!.path, 1000)
    const third = await inferModel(shared.model, once32)
    expect(third.plan!.fresh).toBe(true)
    expect(judgeInference(shared.model, third).verdict.pass).toBe(true)
  })

  test('two processes that want one plan build it once', async () => {
    const { folder } = pocketProject({ trt: { ...trt, strictNans: true } })
    const gate = async () => {
      const child = spawn(
        process.execPath,
        [
          join(repo, 'dist/cli/main.js'),
          'bench',
          '--scene',
          'room',
          '--precision',
          'fp32',
          '--seconds',
          '0.1',
        ],
        { cwd: folder },
      )
      let told = ''
      child.stderr.on('data', piece => {
        told += piece
      })
      const [code] = await once(child, 'close')
      return { code, built: told.includes('TensorRT: built') }
    }
    const ran = await Promise.all([gate(), gate()])
    expect(ran.map(({ code }) => code)).toEqual([0, 0])
    expect(ran.filter(({ built }) => built)).toHaveLength(1)
    expect(readdirSync(join(folder, '.depthgate/plans')).filter(file => file.endsWith('.plan'))).toHaveLength(
      1,
    )
  })
})

describe('a prebuilt plan', () => {
  test('is judged as it is', async () => {
    const { plan } = await inferModel(shared.model, once32)
    const folder = temporaryFolder()
    cpSync(plan!.path, join(folder, 'ship.plan'))
    const { model } = pocketProject({ ship: { ...trt, plan: { fp32: 'ship.plan' } } }, {}, folder)
    const inference = await inferModel(model, { scene: 'room' })
    expect(judgeInference(model, inference).verdict.pass).toBe(true)
    expect(inference.fingerprint).toMatchObject({ options: { prebuilt: true } })
    expect(statSync(join(folder, 'ship.plan')).size).toBe(plan!.bytes)
  })

  test('of another TensorRT is a named error', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'other.plan'), Buffer.alloc(100_000, 'ptrt'))
    const { model } = pocketProject({ ship: { ...trt, plan: { fp32: 'other.plan' } } }, {}, folder)
    await expect(inferModel(model, { scene: 'room' })).rejects.toThrow(
      /other\.plan: is no plan for TensorRT .* on .*compute capability.*\n(.*\n)*Build the plan with this TensorRT/,
    )
  })
})
