import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { runGate } from '../../src/gate/gate.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { planGate } from '../../src/gate/plan.ts'
import { interrupted } from '../helpers/cli.ts'
import { repo, tinyProject, writeConfig } from '../helpers/files.ts'
import { keep, pocketProject, python, trt } from './helpers.ts'

afterAll(releaseEngines)

/** The tiny project with another network in its place. */
function tiny(onnx: string, settings = trt) {
  const folder = tinyProject()
  cpSync(join(repo, onnx), join(folder, 'models/tiny.onnx'))
  writeConfig(folder, { engines: { trt: settings }, models: { tiny: { onnx: 'models/tiny.onnx' } } })
  return findModel(loadConfig(join(folder, 'depthgate.config.json')), 'tiny')
}

async function faultOf(promise: Promise<unknown>): Promise<string> {
  const message = await promise.then(
    () => 'no error',
    (thrown: Error) => thrown.message,
  )
  keep('errors.jsonl', message)
  return message
}

describe('is a named error:', () => {
  test('an operator that TensorRT does not know, in its own words', async () => {
    expect(await faultOf(inferModel(tiny('fixtures/edges/sequence.onnx'), { scene: 'waves' }))).toMatch(
      /tiny\.onnx: TensorRT cannot build it at fp32: its parser refuses the ONNX:\n.+\nExport without that operator/s,
    )
  })
  test('a file that is no ONNX, and one of two inputs', async () => {
    expect(await faultOf(inferModel(tiny('fixtures/tiny/waves.npy'), { scene: 'waves' }))).toMatch(
      /no ONNX model|cut short/,
    )
    expect(await faultOf(inferModel(tiny('fixtures/tiny/two-inputs.onnx'), { scene: 'waves' }))).toMatch(
      /has the inputs image .*, intrinsics .*, expected one/,
    )
  })
  test('an output that is no float', async () => {
    expect(await faultOf(inferModel(tiny('fixtures/tiny/int-output.onnx'), { scene: 'waves' }))).toMatch(
      /is not a float type/,
    )
  })
  test('a build that takes too long', async () => {
    const { model } = pocketProject({ trt: { ...trt, buildSeconds: 1 } })
    expect(await faultOf(inferModel(model, { scene: 'room' }))).toMatch(
      /the build took longer than 1 s. Raise `buildSeconds`/,
    )
  })
  test('a GPU that is not there', async () => {
    const { model } = pocketProject({ trt: { ...trt, device: 99 } })
    expect(await faultOf(inferModel(model, { scene: 'room' }))).toMatch(
      /there is no GPU 99: the CUDA driver sees \d/,
    )
  })
  test('an option that this TensorRT does not have', async () => {
    const { model } = pocketProject({ trt: { ...trt, hardwareCompatibility: 'sameComputeCapability' } })
    const said = await faultOf(inferModel(model, { scene: 'room' }))
    expect(said).toMatch(
      /no error|does not know hardwareCompatibility: 'sameComputeCapability'. Leave it out/,
    )
  })
})

/** While another process holds all of the GPU's memory but so many bytes. */
async function onFullGpu<T>(left: number, work: () => Promise<T>): Promise<T> {
  const take = `import sys, torch
free, _ = torch.cuda.mem_get_info()
held = torch.empty(free - ${left}, dtype=torch.uint8, device='cuda')
print('full', flush=True)
sys.stdin.read()`
  const holder = spawn(python, ['-c', take])
  try {
    await once(holder.stdout, 'data')
    return await work()
  } finally {
    holder.stdin.end()
    await once(holder, 'close')
  }
}

test('a GPU that is full is a named error, and the way out', async () => {
  const { model } = pocketProject({ trt })
  await releaseEngines()
  const said = await onFullGpu(100e6, () => faultOf(inferModel(model, { scene: 'room' })))
  expect(said).toMatch(/out of memory(.|\n)*Free the GPU/i)
})

/** Processes that were started in a folder and run on. */
function runningIn(folder: string): string[] {
  return readdirSync('/proc').filter(pid => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/cwd`) === folder
    } catch {
      return false // it has ended meanwhile, or is another user's
    }
  })
}

test('Ctrl-C ends a build and its processes', async () => {
  const { folder } = pocketProject({ trt: { ...trt, optimizationLevel: 3 } })
  const ran = await interrupted(
    ['gate', '--scene', 'room', '--report', 'none'],
    folder,
    'TensorRT: building',
    'SIGINT',
  )
  keep('errors.jsonl', ran.stderr.slice(-600))
  expect(ran.code).toBe(130)
  // a process that is killed has its memory on the GPU taken down first
  await vi.waitFor(() => expect(runningIn(realpathSync(folder))).toEqual([]), { timeout: 10_000 })
  expect(readdirSync(join(folder, '.depthgate/plans')).filter(file => file.endsWith('.plan'))).toEqual([])
})

test('a network that cannot be built breaks its case, and the others go on', async () => {
  const folder = tinyProject()
  cpSync(join(repo, 'fixtures/edges/sequence.onnx'), join(folder, 'models/odd.onnx'))
  cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/odd'), { recursive: true })
  writeConfig(folder, {
    engines: { trt: { engine: 'tensorrt', python, optimizationLevel: 0 } },
    models: { odd: { onnx: 'models/odd.onnx' }, tiny: { onnx: 'models/tiny.onnx' } },
  })
  const config = loadConfig(join(folder, 'depthgate.config.json'))
  const types: string[] = []
  for await (const { record } of runGate(config, planGate(config, { scenes: ['waves'] }).cases))
    types.push(`${record.model} ${record.type}`)
  expect(types).toEqual(['odd broken', 'tiny judged'])
})
