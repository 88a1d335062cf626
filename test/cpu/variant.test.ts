import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type DepthMap, packed } from '../../src/depth/depth-map.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { variantFor } from '../../src/gate/variant.ts'
import { TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { readModel } from '../../src/onnx/model.ts'
import { roundTo } from '../../src/precision/round.ts'
import { run } from '../helpers/cli.ts'
import { repo, tinyProject } from '../helpers/files.ts'

const project = (extra: object = {}) => {
  const folder = tinyProject(extra)
  return { folder, model: findModel(loadConfig(join(folder, 'depthgate.config.json')), 'tiny') }
}

describe.each(['fp16', 'bf16'] as const)('%s, emulated on the CPU', precision => {
  test.each(['on', 'off'] as const)(
    'every result is a value of the format, fusion %s: no optimiser removes the rounding',
    async fusion => {
      const { model } = project()
      const { outputs, fingerprint, notes } = await inferModel(model, { scene: 'waves', precision, fusion })
      const values = Float32Array.from(packed(outputs.inverse_depth as DepthMap))
      expect(values).toEqual(roundTo(precision, values).values)
      expect(fingerprint).toMatchObject({ precision, arithmetic: 'emulated' })
      expect(notes[0]).toMatch(/is emulated: FP32 kernels, every tensor rounded/)
    },
  )

  test('costs what the format costs: more than FP32, less than a few of its steps', async () => {
    const { model } = project()
    const error = async (at: 'fp32' | typeof precision) => {
      const { verdict } = judgeInference(model, await inferModel(model, { scene: 'waves', precision: at }))
      const map = verdict.outputs.find(({ output }) => output === 'inverse_depth')
      return map?.type === 'map' ? map.metrics.absRel : Number.NaN
    }
    const step = precision === 'fp16' ? 2 ** -11 : 2 ** -8
    expect(await error(precision)).toBeGreaterThan(20 * (await error('fp32')))
    expect(await error(precision)).toBeLessThan(3 * step)
  })
})

describe('variants', () => {
  const variants = (folder: string) =>
    readdirSync(join(folder, '.depthgate/variants')).filter(name => name.endsWith('.onnx'))

  test('are made once, the same bytes each time, and made anew when deleted or damaged', async () => {
    const { folder, model } = project()
    const again = project().model
    const { onnx } = await variantFor(model, 'fp16', 'cpu')
    const bytes = readFileSync(onnx)
    expect(variants(folder)).toHaveLength(1)
    expect(readFileSync((await variantFor(again, 'fp16', 'cpu')).onnx)).toEqual(bytes)

    // another process finds the file: an intact one is used, a damaged one replaced
    const fresh = async () => {
      const { vi } = await import('vitest')
      vi.resetModules()
      const { variantFor: anew } = await import('../../src/gate/variant.ts')
      return anew(model, 'fp16', 'cpu')
    }
    const { mtimeMs } = statSync(onnx)
    await fresh()
    expect(statSync(onnx).mtimeMs).toBe(mtimeMs)
    writeFileSync(onnx, bytes.subarray(0, 500))
    await fresh()
    expect(readFileSync(onnx)).toEqual(bytes)
    rmSync(join(folder, '.depthgate'), { recursive: true })
    await fresh()
    expect(existsSync(onnx)).toBe(true)
  })

  test("the config's own file is used as it is", async () => {
    const { model, folder } = project({ onnx: { fp32: 'models/tiny.onnx', fp16: 'models/own.onnx' } })
    expect(await variantFor(model, 'fp16', 'cpu')).toEqual({
      onnx: join(folder, 'models/own.onnx'),
      emulated: false,
      notes: [],
    })
    expect(await variantFor(model, 'fp32', 'cpu')).toMatchObject({ emulated: false })
  })

  test('tf32 is arithmetic of GPUs, and not passed off as something else', async () => {
    await expect(variantFor(project().model, 'tf32', 'cpu')).rejects.toThrow(
      'model tiny cannot run at tf32 on a CPU',
    )
    expect(await variantFor(project().model, 'tf32', 'cuda')).toMatchObject({ emulated: false })
  })

  test('for an engine that computes in the format the ONNX is of that format', async () => {
    const { onnx, emulated } = await variantFor(project().model, 'fp16', 'cuda')
    expect(emulated).toBe(false)
    const { initializer } = readModel(onnx).graph!
    expect(initializer.map(({ dataType }) => dataType)).toContain(TensorProto_DataType.FLOAT16)
    expect(initializer.map(({ dataType }) => dataType)).not.toContain(TensorProto_DataType.FLOAT)
  })

  test('are made by the recipe, another one for another recipe, and say what weights lost', async () => {
    const recipes = { fp16: { keep: ['Conv', '/^.*nothing$|Sigmoid/'], accumulate: 'fp16' } }
    await expect(variantFor(project({ recipes }).model, 'fp16', 'cpu')).rejects.toThrow('matches no node')
    const paths = new Set<string>()
    for (const recipe of [
      {},
      { keep: ['Conv'] },
      { keep: ['/Conv_0/'] },
      { accumulate: 'fp16' },
      { flushTiny: true },
    ]) {
      const { model, folder } = project({ recipes: { fp16: recipe } })
      const { onnx } = await variantFor(model, 'fp16', 'cpu').catch(() => ({ onnx: '' }))
      paths.add(onnx.replace(folder, ''))
    }
    expect(paths.size).toBe(5)
    const { notes } = await variantFor(
      project({ recipes: { fp16: { accumulate: 'fp16' } } }).model,
      'fp16',
      'cpu',
    )
    expect(notes).toEqual([expect.stringMatching(/products are summed in FP16/)])
    await expect(
      variantFor(project({ recipes: { bf16: { accumulate: 'fp16' } } }).model, 'bf16', 'cpu'),
    ).rejects.toThrow(/kernels of bf16 sum in FP32/)
  })

  test('two processes that make one at once both get it whole', async () => {
    const { folder } = project()
    const script = `
      import { findModel, loadConfig } from '${repo}/dist/gate/config.js'
      import { variantFor } from '${repo}/dist/gate/variant.js'
      const { onnx } = await variantFor(findModel(loadConfig('${folder}/depthgate.config.json'), 'tiny'), 'bf16', 'cpu')
      console.log(onnx)`
    const runs = await Promise.all(
      [1, 2, 3].map(() => run(process.execPath, ['--input-type=module', '-e', script], folder)),
    )
    expect(runs.map(({ stderr }) => stderr)).toEqual(['', '', ''])
    expect(new Set(runs.map(({ stdout }) => stdout)).size).toBe(1)
    expect(variants(folder)).toHaveLength(1)
    expect(
      readdirSync(join(folder, '.depthgate/variants')).filter(name => !/\.onnx(\.json)?$/.test(name)),
    ).toEqual([])
  })

  test('only from FP32', async () => {
    await expect(variantFor(project({ onnx: { bf16: 'b.onnx' } }).model, 'fp16', 'cpu')).rejects.toThrow(
      /no ONNX of precision fp16/,
    )
    await expect(variantFor(project({ onnx: 'none.onnx' }).model, 'fp16', 'cpu')).rejects.toThrow(
      /none\.onnx: there is no such file/,
    )
  })
})
