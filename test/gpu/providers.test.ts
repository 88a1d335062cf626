import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import type { EngineRequest } from '../../src/engines/engine.ts'
import { loadOnnx } from '../../src/engines/onnxruntime/session.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { depthgate, run } from '../helpers/cli.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { writeNetwork } from '../helpers/network.ts'
import { depthIn, keep, pocketProject } from './helpers.ts'

afterAll(releaseEngines)

const engines = {
  cuda: { engine: 'onnxruntime', provider: 'cuda' },
  rt: { engine: 'onnxruntime', provider: 'tensorrt' },
} as const
const { model, folder } = pocketProject(engines)

/** Relative error of the bundled network on each provider under a value of the variable, in a process that starts with it. */
async function figuresUnder(NVIDIA_TF32_OVERRIDE: string) {
  const { stdout } = await run(process.execPath, [join(repo, 'bench/tensorrt/providers.mjs')], repo, {
    NVIDIA_TF32_OVERRIDE,
  })
  keep('providers.jsonl', stdout.split('\n'))
  return Object.fromEntries(
    [...stdout.matchAll(/^(\w+) +RMSE\/std (\S+)$/gm)].map(([, name, figure]) => [name, Number(figure)]),
  )
}

describe("ONNX Runtime's GPU providers", () => {
  test.each(['cuda', 'rt'])('compute the whole network at tf32: %s', async engine => {
    // the profile of the run has shown that every node ran there, or this throws
    const inference = await inferModel(model, { scene: 'room', precision: 'tf32', engine })
    const { verdict } = judgeInference(model, inference)
    const { absRel = Number.NaN } = depthIn(verdict)
    keep('providers.jsonl', { engine, absRel, pass: verdict.pass, reason: verdict.reason })
    expect(verdict.pass, verdict.reason).toBe(true)
    expect(inference.fingerprint).toMatchObject({
      ...{ precision: 'tf32', tf32: 'on', device: expect.stringContaining('NVIDIA') },
      computeCapability: expect.stringMatching(/^\d+\.\d$/),
    })
    // an error of this size is TF32's: FP32's own is a thousandth of it
    expect(absRel).toBeGreaterThan(2e-5)
  })

  test.each(['cuda', 'rt'])('refuse fp32 while TF32 is on: %s', async engine => {
    await expect(inferModel(model, { scene: 'room', precision: 'fp32', engine })).rejects.toThrow(
      /computes FP32 in TF32 unless NVIDIA_TF32_OVERRIDE=0/,
    )
  })

  test('the variable keeps TF32 off in both', async () => {
    const { cpu, cuda, tensorrt } = await figuresUnder('0')
    for (const error of [cpu, cuda, tensorrt]) expect(error).toBeLessThan(1e-5)
  })

  test.each(['cuda', 'rt'])('with it, the gate runs fp32: %s', async engine => {
    const { code, stdout, stderr } = await depthgate(
      ['gate', '--engine', engine, '--precision', 'fp32', '--scene', 'room', '--report', 'none', '--json'],
      folder,
      { NVIDIA_TF32_OVERRIDE: '0' },
    )
    expect(code, stderr).toBe(0)
    expect(JSON.parse(stdout).cases[0].verdict.fingerprint).toMatchObject({ precision: 'fp32', tf32: 'off' })
  })

  test('leave no node to the CPU', async () => {
    const onnx = join(temporaryFolder(), 'atan.onnx')
    // the cuda provider has no kernel of Atan
    writeNetwork(
      onnx,
      [4, 6],
      [
        ['Relu', ['x'], 'a'],
        ['Atan', ['a'], 'b'],
        ['Relu', ['b'], 'depth'],
      ],
      {},
    )
    const request: EngineRequest = {
      ...{ onnx, emulated: false, precision: 'tf32', fusion: 'on', cache: temporaryFolder(), root: '' },
      engine: engines.cuda,
    }
    const said = await loadOnnx(request).then(
      () => 'no error',
      (thrown: Error) => thrown.message,
    )
    keep('errors.jsonl', said)
    expect(said).toMatch(/the CUDA provider would leave nodes of it to the CPU/)
  })

  test('name the library that is missing', async () => {
    const { stdout, stderr } = await depthgate(['doctor'], folder, { LD_LIBRARY_PATH: '' })
    keep('errors.jsonl', stdout + stderr)
    expect(stdout + stderr).toMatch(
      /TensorRT provider does not load: .*lib(nv|cu)\w+\.so\S*: cannot open shared object/,
    )
  })
})
