import { appendFileSync, copyFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { afterEach, describe, expect, test } from 'vitest'
import { asDepthMap, packed } from '../../src/depth/depth-map.ts'
import type { EngineRequest } from '../../src/engines/engine.ts'
import { loadOnnx } from '../../src/engines/onnxruntime/session.ts'
import { releaseEngines, withEngine } from '../../src/engines/pool.ts'
import { openGolden, readInput, readTruth } from '../../src/golden/store.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'

const tiny = (name = 'tiny') => join(repo, 'fixtures/tiny', `${name}.onnx`)
const request = (onnx: string, more: Partial<EngineRequest> = {}): EngineRequest => ({
  onnx,
  emulated: false,
  precision: 'fp32',
  fusion: 'on',
  engine: { engine: 'onnxruntime' },
  cache: repo,
  root: repo,
  ...more,
})
const golden = openGolden(join(repo, 'fixtures/tiny/golden/tiny'))
const scene = readInput(golden, 'waves')
const truth = packed(readTruth(golden, 'waves', 'inverse_depth') as never)
const both = ['inverse_depth', 'fov_deg']

async function worstError(engine: EngineRequest): Promise<number> {
  const loaded = await loadOnnx(engine)
  const { outputs } = await loaded.run(scene, both)
  const map = packed(asDepthMap(outputs.inverse_depth!, 'inverse_depth'))
  await loaded.release()
  return Math.max(...map.map((value, i) => Math.abs(value - truth[i]!)))
}

afterEach(releaseEngines)

describe('ONNX Runtime on the CPU', () => {
  test.each(['on', 'off'] as const)('gives what PyTorch gave, fusion %s', async fusion => {
    expect(await worstError(request(tiny(), { fusion }))).toBeLessThan(1e-6)
  })

  test('reads float16 outputs as numbers, not as bits', async () => {
    const worst = await worstError(request(tiny('half-output')))
    expect(worst).toBeGreaterThan(0)
    expect(worst).toBeLessThan(Math.max(...truth) * 2 ** -11)
  })

  test('fingerprint: everything that changes numbers', async () => {
    const engine = await loadOnnx(request(tiny(), { fusion: 'off' }))
    expect(engine.fingerprint).toMatchObject({
      onnx: golden.manifest.capture?.onnx,
      precision: 'fp32',
      fusion: 'off',
      engine: 'onnxruntime',
      engineVersion: expect.stringMatching(/^1\.\d+\.\d+$/),
      provider: 'cpu',
      device: expect.stringContaining(process.arch),
    })
    await engine.release()
  })

  test('says that FP16 graphs are computed in FP32 here', async () => {
    const engine = await loadOnnx(request(tiny(), { precision: 'fp16' }))
    expect(engine.notes[0]).toMatch(/computes FP16 graphs in FP32/)
    await engine.release()
  })
})

describe('is an error, with the file and the way out:', () => {
  const runs = async (engine: EngineRequest, input = scene, fetch = both, name?: string) => {
    const loaded = await loadOnnx(engine)
    try {
      await loaded.run(input, fetch, name)
    } finally {
      await loaded.release()
    }
  }

  test.each([
    [
      'cuda',
      /ONNX Runtime's CUDA provider does not load: .*Install it with ONNXRUNTIME_NODE_INSTALL=true npm rebuild/s,
    ],
    ['tensorrt', /TensorRT provider does not load: .*it needs CUDA 12 and cuDNN 9 and TensorRT 10/s],
  ] as const)(
    'provider %s where its library is missing; the CPU never takes its place',
    async (provider, message) => {
      await expect(
        loadOnnx(request(tiny(), { precision: 'tf32', engine: { engine: 'onnxruntime', provider } })),
      ).rejects.toThrow(message)
    },
  )
  test('a missing ONNX', async () => {
    await expect(loadOnnx(request('/none/m.onnx'))).rejects.toThrow(/\/none\/m\.onnx: there is no such file/)
  })
  test.each([0, 100, 2000])('an ONNX cut to %d bytes', async length => {
    const onnx = join(temporaryFolder(), 'cut.onnx')
    copyFileSync(tiny(), onnx)
    truncateSync(onnx, length)
    await expect(loadOnnx(request(onnx))).rejects.toThrow(
      /cut\.onnx: (is no ONNX model, or is cut short|holds no graph)/,
    )
  })
  test('two inputs', async () => {
    await expect(runs(request(tiny('two-inputs')))).rejects.toThrow(
      /two-inputs\.onnx: has the inputs image .*, intrinsics .*, expected one/,
    )
  })
  test('another input than the config says', async () => {
    await expect(runs(request(tiny()), scene, both, 'pixels')).rejects.toThrow(
      /has the inputs image \(float32 1×3×24×32\), expected one named "pixels"/,
    )
  })
  test('a scene of another size', async () => {
    await expect(
      runs(request(tiny()), ndarray(new Float32Array(3 * 48 * 64), [1, 3, 48, 64])),
    ).rejects.toThrow(/does not take the scene's tensor of 1×3×48×64/)
  })
  test('an output that is not there', async () => {
    await expect(runs(request(tiny()), scene, ['inverse_deth'])).rejects.toThrow(
      /has no output "inverse_deth"; did you mean "inverse_depth"\?/,
    )
  })
  test('an output that is no float', async () => {
    await expect(runs(request(tiny('int-output')))).rejects.toThrow(
      /output inverse_depth \(int32 .*\) is not a float type/,
    )
  })
})

describe('engines are reused across scenes', () => {
  test('one request, one engine; a changed file, another', async () => {
    const onnx = join(temporaryFolder(), 'm.onnx')
    copyFileSync(tiny(), onnx)
    const first = await withEngine(request(onnx), async engine => engine)
    expect(await withEngine(request(onnx), async engine => engine)).toBe(first)
    appendFileSync(onnx, Buffer.alloc(0))
    copyFileSync(tiny('poisoned'), onnx)
    expect(await withEngine(request(onnx), async engine => engine)).not.toBe(first)
  })

  test('one in use is never released, idle ones are', async () => {
    const held = withEngine(request(tiny()), async engine => {
      for (const other of ['half-output', 'poisoned', 'two-inputs'])
        await withEngine(request(tiny(other)), async () => {})
      await releaseEngines()
      return engine.run(scene, both)
    })
    await expect(held).resolves.toMatchObject({ outputs: { inverse_depth: expect.anything() } })
    const engine = await withEngine(request(tiny()), async kept => kept)
    await releaseEngines()
    await expect(engine.run(scene, both)).rejects.toThrow(/disposed/)
  })

  test('a failed load is tried anew', async () => {
    const onnx = join(temporaryFolder(), 'm.onnx')
    await expect(withEngine(request(onnx), async () => {})).rejects.toThrow(/no such file/)
    copyFileSync(tiny(), onnx)
    await expect(withEngine(request(onnx), async () => 1)).resolves.toBe(1)
  })
})
