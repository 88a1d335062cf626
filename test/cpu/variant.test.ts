import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type DepthMap, packed } from '../../src/depth/depth-map.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { variantFor } from '../../src/gate/variant.ts'
import { roundTo } from '../../src/precision/round.ts'
import { tinyProject } from '../helpers/files.ts'

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
    })
    expect(await variantFor(model, 'fp32', 'cpu')).toMatchObject({ emulated: false })
  })

  test.each(['int8', 'fp8', 'tf32'] as const)(
    '%s is not made, and not passed off as something else',
    async precision => {
      await expect(variantFor(project().model, precision, 'cpu')).rejects.toThrow(
        `model tiny has no ONNX of precision ${precision}`,
      )
    },
  )

  test('only on a CPU, and only from FP32', async () => {
    await expect(variantFor(project().model, 'fp16', 'cuda')).rejects.toThrow(/no ONNX of precision fp16/)
    await expect(variantFor(project({ onnx: { bf16: 'b.onnx' } }).model, 'fp16', 'cpu')).rejects.toThrow(
      /no ONNX of precision fp16/,
    )
    await expect(variantFor(project({ onnx: 'none.onnx' }).model, 'fp16', 'cpu')).rejects.toThrow(
      /none\.onnx: there is no such file/,
    )
  })
})
