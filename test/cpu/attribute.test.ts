import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import ndarray from 'ndarray'
import ort from 'onnxruntime-node'
import { describe, expect, test, vi } from 'vitest'
import { asDepthMap, packed } from '../../src/depth/depth-map.ts'
import { encodeNpy } from '../../src/depth/npy.ts'
import type { Precision } from '../../src/engines/engine.ts'
import { loadOnnx } from '../../src/engines/onnxruntime/session.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { attribute } from '../../src/gate/attribute.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { runGate } from '../../src/gate/gate.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { importGolden } from '../../src/golden/import.ts'
import { verdictText } from '../../src/report/phrase.ts'
import { temporaryFolder, writeConfig } from '../helpers/files.ts'
import { type Weights, writeNetwork } from '../helpers/network.ts'

const size: [number, number] = [6, 8]
const picture = Float32Array.from({ length: 48 }, (_, i) => 1 + i / 16)
type Network = Parameters<typeof writeNetwork>[2]
const scalar = (value: number) => ({ dims: [1], values: [value] })

/** A project with one network; the truth is a function of the picture, or what the network gives without fusion. */
async function project(
  network: Network,
  weights: Weights,
  truth: ((x: number) => number) | 'unfused',
  extra: object = {},
  engines?: object,
) {
  const folder = temporaryFolder()
  const onnx = join(folder, 'net.onnx')
  writeNetwork(onnx, size, network, weights)
  const file = (name: string, values: Float32Array, shape: number[]) => {
    writeFileSync(join(folder, name), encodeNpy(ndarray(values, shape)))
    return join(folder, name)
  }
  const input = ndarray(picture, [1, 1, ...size])
  const engine = await loadOnnx({
    ...{ onnx, emulated: false, precision: 'fp32', fusion: 'off', cache: '', root: '' },
    engine: { engine: 'onnxruntime' },
  })
  const { outputs } = await engine.run(input, ['depth'])
  await engine.release()
  const depth =
    truth === 'unfused' ? Float32Array.from(packed(asDepthMap(outputs.depth!, 'depth'))) : picture.map(truth)
  importGolden({
    goldens: join(folder, 'golden'),
    model: 'net',
    scene: 's',
    input: file('x.npy', picture, [1, 1, ...size]),
    depth: file('d.npy', depth, size),
    unit: 'm',
    output: 'depth',
    fovOutput: 'fov',
    source: 'a test',
    preprocessing: { color: 'rgb', layout: 'nchw', mean: [0, 0, 0], std: [1, 1, 1] },
  })
  writeConfig(folder, { ...(engines && { engines }), models: { net: { onnx: 'net.onnx', ...extra } } })
  return findModel(loadConfig(join(folder, 'depthgate.config.json')), 'net')
}

async function verdictOf(model: Awaited<ReturnType<typeof project>>, precision: Precision, engine = 'cpu') {
  const config = loadConfig(model.file)
  for await (const { record } of runGate(config, [{ model, precision, scene: 's', engine }])) {
    if (record.type === 'judged') return record.verdict
    throw new Error(record.type === 'broken' ? record.error : record.reason)
  }
  throw new Error('nothing ran')
}

/** x · 1000 · 1000 / 10⁶: its middle leaves the range of FP16, not that of BF16. */
const overflow: [Network, Weights] = [
  [
    ['Mul', ['x', 'k'], 'a'],
    ['Mul', ['a', 'k'], 'b'],
    ['Mul', ['b', 'm'], 'depth'],
  ],
  { k: scalar(1000), m: scalar(1e-6) },
]

/** x times 4096 · 1.1, summed, and divided by it again. */
const longSum: [Network, Weights] = [
  [
    ['MatMul', ['row', 'column'], 'sum'],
    ['Mul', ['x', 'sum'], 'scaled'],
    ['Mul', ['scaled', 'back'], 'depth'],
  ],
  {
    row: { dims: [1, 4096], values: Array(4096).fill(1) },
    column: { dims: [4096, 1], values: Array(4096).fill(1.1) },
    back: scalar(1 / (4096 * 1.1)),
  },
]
const recipes = { fp16: { accumulate: 'fp16' } }

describe('a failing case names its cause', () => {
  test('number format: a middle beyond 65504 that FP32 and BF16 hold', async () => {
    const model = await project(...overflow, x => x)
    expect(await verdictOf(model, 'fp32')).toMatchObject({ pass: true })
    expect(await verdictOf(model, 'bf16')).toMatchObject({ pass: true })
    const { pass, attribution } = await verdictOf(model, 'fp16')
    expect(pass).toBe(false)
    expect(attribution).toMatchObject({
      cause: 'number format',
      corners: [{ pass: true }, { pass: true }, { pass: false, error: Number.NaN }, { pass: false }],
    })
  })

  test('export: a constant that is not the one of the goldens', async () => {
    const model = await project([['Mul', ['x', 'k'], 'depth']], { k: scalar(1.05) }, x => x)
    for (const precision of ['fp32', 'fp16'] as const)
      expect((await verdictOf(model, precision)).attribution).toMatchObject({ cause: 'export' })
  })

  test('fusion: a batch norm folded into a convolution, where a difference of near values shows it', async () => {
    // unfused, the convolution's 0.37 + x/10⁶ is rounded before the 0.37 is taken away again; folded, it never is there
    const network: Network = [
      ['Conv', ['x', 'w', 'b'], 'c'],
      ['BatchNormalization', ['c', 'scale', 'bias', 'mean', 'var'], 'n'],
      ['Mul', ['n', 'gain'], 'depth'],
    ]
    const weights: Weights = {
      w: { dims: [1, 1, 1, 1], values: [1e-6] },
      b: scalar(0.37),
      scale: scalar(1),
      bias: scalar(0),
      mean: scalar(0.37),
      var: scalar(1),
      gain: scalar(1e6),
    }
    const model = await project(network, weights, 'unfused')
    const { pass, attribution } = await verdictOf(model, 'fp32')
    expect(pass).toBe(false)
    expect(attribution).toMatchObject({
      cause: 'fusion',
      corners: [
        { fusion: 'off', pass: true, error: 0 },
        { fusion: 'on', pass: false },
      ],
    })
  })

  test('accumulation: a long sum that rounding every tensor survives and a sum in FP16 does not', async () => {
    const model = await project(...longSum, x => x, { recipes })
    const { pass, attribution } = await verdictOf(model, 'fp16')
    expect(pass).toBe(false)
    expect(attribution).toMatchObject({
      cause: 'accumulation',
      corners: [
        { precision: 'fp32', pass: true },
        { precision: 'fp32', pass: true },
        { precision: 'fp16', sums: 'fp32', fusion: 'off', pass: true },
        { precision: 'fp16', sums: 'engine', fusion: 'off', pass: false },
        { precision: 'fp16', sums: 'engine', fusion: 'on', pass: false },
      ],
    })
    expect((await verdictOf(await project(...longSum, x => x), 'fp16')).pass).toBe(true)
  })

  test('of int8 with the rest in fp16, whether it is what is quantised or the rest', async () => {
    const [middle, weights] = overflow
    const network: Network = [
      ['Conv', ['x', 'w'], 'c'],
      ...middle.map(([operator, inputs, output]): Network[number] => [
        operator,
        inputs.map(name => (name === 'x' ? 'c' : name)),
        output,
      ]),
    ]
    const of = (rest: 'fp16' | 'bf16', more: object) =>
      project(network, { ...weights, w: { dims: [1, 1, 1, 1], values: [1] } }, x => x, {
        recipes: { int8: { rest, ...more } },
      })
    const overflowing = await verdictOf(await of('fp16', {}), 'int8')
    expect(overflowing.attribution).toMatchObject({
      cause: 'number format',
      reason: expect.stringMatching(
        /int8 keeps the tolerance while its rest is FP32; with the rest rounded to fp16/,
      ),
      corners: [
        { precision: 'fp32', pass: true },
        { precision: 'fp32', pass: true },
        { precision: 'int8', rest: 'fp32', arithmetic: 'native', fusion: 'off', pass: true },
        { precision: 'int8', rest: 'fp16', arithmetic: 'emulated', fusion: 'off', pass: false },
        { precision: 'int8', rest: 'fp16', fusion: 'on', pass: false },
      ],
    })
    expect(stripVTControlCharacters(verdictText(overflowing))).toMatch(
      /int8 +rest fp32, fusion off .*\n.*int8 emulated +rest fp16, fusion off/,
    )
    expect((await verdictOf(await of('fp16', { keepFp32: ['Mul'] }), 'int8')).pass).toBe(true)
    expect((await verdictOf(await of('bf16', {}), 'int8')).pass).toBe(true)
    // a tenth of the range holds a tenth of the picture
    const clipped = await of('bf16', { calibration: { method: 'percentile', percentile: 10 } })
    expect((await verdictOf(clipped, 'int8')).attribution).toMatchObject({
      cause: 'number format',
      reason: expect.stringMatching(/int8 breaks it while its rest is FP32: it is what is quantised/),
    })
  })

  test('and says it in words, with the figures of every corner', async () => {
    const text = stripVTControlCharacters(
      verdictText(await verdictOf(await project(...overflow, x => x), 'fp16')),
    )
    expect(text).toMatch(
      /rounding every tensor to fp16 breaks it, .*\. What comes out is not finite; where that begins: npx depthgate explain net --precision fp16 --scene s; .*: npx depthgate mend net --precision fp16\n/,
    )
    expect(text).toMatch(/fp32 +fusion off +0 +0\n.*fp32 +fusion on/)
    expect(text).toMatch(/fp16 emulated +fusion off +NaN/)
  })
})

test('a case that passes runs nothing more', async () => {
  expect((await verdictOf(await project(...overflow, x => x), 'fp32')).attribution).toBeUndefined()
})

test('asked for, a passing case is attributed too: what each step adds, and no cause', async () => {
  const model = await project(...overflow, x => x)
  const inference = await inferModel(model, { scene: 's', precision: 'bf16' })
  const found = await attribute(model, inference, judgeInference(model, inference).verdict)
  const [exported, fused, rounded, both] = found!.corners
  expect(found!.corners.map(({ pass }) => pass)).toEqual([true, true, true, true])
  expect([exported!.added, fused!.added]).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6)])
  expect(rounded!.added).toBeGreaterThan(1e-4)
  expect(both!.added).toBeLessThan(rounded!.added)
})

test('a corner costs one inference, and one load where its network is not loaded yet', async () => {
  const model = await project(...longSum, x => x, { recipes })
  const failing = () => inferModel(model, { scene: 's', precision: 'fp16' })
  const attributed = async () => {
    const inference = await failing()
    return attribute(model, inference, judgeInference(model, inference).verdict)
  }
  // the variants are made, and then everything is let go
  await attributed()
  await releaseEngines()

  await failing()
  const load = vi.spyOn(ort.InferenceSession, 'create')
  const counted: number[] = []
  for (const _ of [1, 2]) {
    load.mockClear()
    const { corners } = (await attributed())!
    expect(corners).toHaveLength(5)
    counted.push(load.mock.calls.length)
  }
  load.mockRestore()
  await releaseEngines()
  // the failing run is a corner that is loaded
  expect(counted).toEqual([4, 0])
})

describe('what the config gives ready-made', () => {
  const scaled = (k: number): [Network, Weights] => [[['Mul', ['x', 'k'], 'depth']], { k: scalar(k) }]

  test('an fp16 ONNX with a wrong constant, beside a right FP32 one, is an export', async () => {
    const model = await project(...scaled(1), x => x, { onnx: { fp32: 'net.onnx', fp16: 'half.onnx' } })
    writeNetwork(join(model.root, 'half.onnx'), size, ...scaled(1.05))
    const { attribution } = await verdictOf(model, 'fp16')
    expect(attribution).toMatchObject({
      cause: 'export',
      reason: expect.stringMatching(/what the config gives breaks it/),
      corners: [
        { precision: 'fp32', pass: true },
        { precision: 'fp32', pass: true },
        { precision: 'fp16', sums: 'fp32', arithmetic: 'emulated', pass: true },
        { precision: 'fp16', given: true, fusion: 'off', pass: false },
        { precision: 'fp16', given: true, fusion: 'on', pass: false },
      ],
    })
  })

  test('a corner that cannot run leaves the verdict and its figures as they are', async () => {
    const model = await project(...scaled(1), x => x, { onnx: { fp32: 'gone.onnx', fp16: 'half.onnx' } })
    writeNetwork(join(model.root, 'half.onnx'), size, ...scaled(1.05))
    const verdict = await verdictOf(model, 'fp16')
    expect(verdict.outputs[0]).toMatchObject({ type: 'map', pass: false })
    expect(verdict.attribution?.corners[0]).toMatchObject({
      pass: false,
      problem: expect.stringMatching(/gone\.onnx: there is no such file/),
    })
    expect(stripVTControlCharacters(verdictText(verdict))).toMatch(/\? +fp32 +fusion off +not run/)
  })

  test('a program decides by itself what it runs: no cause is made up', async () => {
    const script = `
      const fs = require('fs'), [input, output] = process.argv.slice(1)
      const bytes = fs.readFileSync(input), start = 10 + bytes.readUInt16LE(8)
      for (let at = start; at < bytes.length; at += 4) bytes.writeFloatLE(1.1 * bytes.readFloatLE(at), at)
      fs.writeFileSync(output, bytes)`
    const command = [process.execPath, '-e', script, '{input}', '{output}']
    const model = await project(
      ...scaled(1),
      x => x,
      { engines: ['app'] },
      { app: { engine: 'command', command } },
    )
    const { pass, attribution } = await verdictOf(model, 'fp32', 'app')
    expect(pass).toBe(false)
    expect(attribution).toBeUndefined()
  })
})
