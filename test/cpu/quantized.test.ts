import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { packed } from '../../src/depth/depth-map.ts'
import { loadOnnx } from '../../src/engines/onnxruntime/session.ts'
import { tap } from '../../src/engines/onnxruntime/tap.ts'
import { quantized, quantizeKey } from '../../src/gate/calibrate.ts'
import { chosenRecipe } from '../../src/gate/chosen-recipe.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import type { QuantizedRecipe } from '../../src/gate/recipe.ts'
import { readInput } from '../../src/golden/store.ts'
import type { ModelProto, NodeProto } from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { quantize } from '../../src/precision/quantize.ts'
import { planQuantization } from '../../src/precision/quantize-plan.ts'
import { checkerFaults, checkerPython } from '../helpers/checker.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { modelOf, nodeOf, noise, runModel, type Weight, noisy as w } from '../helpers/graph.ts'
import { failures, pocketModel, tinyModel as tiny } from '../helpers/models.ts'

const folder = temporaryFolder()
const made: string[] = []
function save(model: ModelProto): string {
  const path = join(folder, `${made.length}.onnx`)
  writeFileSync(path, Buffer.concat(encodeModel(model)))
  made.push(path)
  return path
}
const pocket = pocketModel()

/** Every operator and every axis that a weight can have its channels on. */
const products: [string, () => NodeProto, Weight][] = [
  ['Conv', () => nodeOf('Conv', ['r', 'w'], ['y']), w(5, 4, 3, 3)],
  ['depthwise Conv', () => nodeOf('Conv', ['r', 'w'], ['y'], { group: 4 }), w(8, 1, 3, 3)],
  ['ConvTranspose', () => nodeOf('ConvTranspose', ['r', 'w'], ['y'], { strides: [2, 2] }), w(4, 5, 2, 2)],
  ['grouped ConvTranspose', () => nodeOf('ConvTranspose', ['r', 'w'], ['y'], { group: 2 }), w(4, 3, 2, 2)],
  ['MatMul', () => nodeOf('MatMul', ['r', 'w'], ['y']), w(8, 7)],
  ['batched MatMul', () => nodeOf('MatMul', ['r', 'w'], ['y']), w(1, 4, 8, 7)],
  ['MatMul by a vector', () => nodeOf('MatMul', ['r', 'w'], ['y']), w(8)],
  ['MatMul with its weight on the left', () => nodeOf('MatMul', ['w', 'r'], ['y']), w(5, 8)],
  ['Gemm', () => nodeOf('Gemm', ['r', 'w', 'b'], ['y']), w(256, 7)],
  ['Gemm that transposes', () => nodeOf('Gemm', ['r', 'w', 'b'], ['y'], { transB: 1 }), w(7, 256)],
]

describe.each(['int8', 'fp8'] as const)('%s in ONNX Runtime', format => {
  test.each(products)('%s comes out near FP32, fused and not', async (_name, product, weight) => {
    const shape = product().opType === 'Gemm' ? [1, 256] : [1, 4, 8, 8]
    const build = (dims?: readonly number[]) =>
      modelOf(17, {
        nodes: [nodeOf('Relu', ['x'], ['r']), product()],
        inputs: [{ name: 'x', shape }],
        outputs: [{ name: 'y', ...(dims && { shape: [...dims] }) }],
        weights: { w: weight, b: w(7) },
      })
    const x = noise(256, 9)
    const before = (await runModel(build(), { x })).y!
    const model = build(before.dims)
    const plan = planQuantization(model, { format }, 'm.onnx')
    quantize(model, plan, new Map(plan.activations.map(name => [name, 1])), 'm.onnx')
    const onnx = save(model)
    const largest = Math.max(...Array.from(before.data, value => Math.abs(Number(value))))
    const found: Float32Array[] = []
    for (const fusion of ['off', 'on'] as const) {
      const engine = await loadOnnx({
        onnx,
        emulated: false,
        precision: format,
        fusion,
        engine: { engine: 'onnxruntime' },
        cache: folder,
        root: folder,
      })
      const { y } = (await engine.run(ndarray(x, shape), ['y'])).outputs
      await engine.release()
      expect(y!.shape).toEqual(before.dims)
      const worst = Math.max(...Array.from(before.data, (value, i) => Math.abs(Number(value) - y!.data[i]!)))
      expect(worst / largest).toBeGreaterThan(0)
      // half a step of each of two factors, of 127 steps or of three bits
      expect(worst / largest).toBeLessThan(format === 'int8' ? 0.02 : 0.08)
      found.push(y!.data as Float32Array)
    }
    // integer kernels round what they write, and saturate on some CPUs
    const [plain, fused] = found as [Float32Array, Float32Array]
    for (const [i, value] of plain.entries()) expect(Math.abs(fused[i]! - value)).toBeLessThan(1e-5 * largest)
  })
})

describe('the variant of a model', () => {
  test('has the ranges that its FP32 tensors have on the scenes', async () => {
    const model = tiny()
    const { facts } = await quantized(model, 'int8', { calibration: { method: 'min-max' } })
    const onnx = readModel(join(model.root, 'models/tiny.onnx'))
    const largest = new Map<string, number>()
    const inputs = ['waves', 'gradient'].map(name => ({ name, read: () => readInput(model.golden, name) }))
    await tap(
      onnx,
      facts.activations.map(({ tensor }) => tensor),
      inputs,
      (tensor, _input, { data }) =>
        largest.set(tensor, Math.max(largest.get(tensor) ?? 0, ...Array.from(data, Math.abs))),
      'tiny.onnx',
    )
    expect(facts).toMatchObject({
      nodes: 3,
      kept: [],
      scenes: ['gradient', 'waves'],
      method: 'min-max',
      activations: [
        { tensor: 'image', range: largest.get('image') },
        { tensor: '/Mul_1_output_0', range: largest.get('/Mul_1_output_0') },
        { tensor: '/ReduceMean_output_0', range: largest.get('/ReduceMean_output_0') },
      ],
    })
  })

  test('is calibrated on the scenes and by the method that the config names', async () => {
    const recipe = {
      calibration: { method: 'percentile', percentile: 90, scenes: ['waves', 'waves'] },
      keepLast: true,
    }
    const { facts } = await quantized(tiny({ recipes: { int8: recipe } }), 'int8')
    expect(facts).toMatchObject({ scenes: ['waves'], method: 'percentile', nodes: 1 })
    const all = await quantized(tiny(), 'int8')
    expect(facts.activations[0]!.range).toBeLessThan(all.facts.activations[0]!.range)
  })

  test("or by the user's own function", async () => {
    const asked: string[] = []
    const { facts } = await quantized(tiny(), 'int8', {
      calibrator: (tensor, { max }) => {
        asked.push(tensor)
        return max / 2
      },
    })
    expect(facts.method).toBe('calibrator')
    expect(facts.activations.map(({ tensor }) => tensor)).toEqual(asked)
  })

  test('is the same bytes each time, and smaller', async () => {
    const calibration = { scenes: ['kitchen', 'far-hills'] }
    const bytes = async () =>
      Buffer.concat(encodeModel((await quantized(pocket, 'int8', { calibration })).model))
    const first = await bytes()
    expect(await bytes()).toEqual(first)
    expect(first.length).toBeLessThan(statSync(join(repo, 'models/pocket/pocket.onnx')).size / 3)
  })

  test('is keyed by everything that its bytes depend on', () => {
    const key = (recipe: QuantizedRecipe, model = tiny()) => quantizeKey(model, 'int8', recipe).join('\n')
    const scenes = ['gradient', 'waves']
    const keys = [
      key({}),
      quantizeKey(tiny(), 'fp8', {}).join('\n'),
      key({ keep: ['a'] }),
      key({ keep: [/a/] }),
      key({ keep: [/b/] }),
      key({ calibrator: () => 1 }),
      key({ calibrator: () => 2 }),
      key({ calibration: { scenes: ['waves'] } }),
      key({ calibration: { scenes } }),
    ]
    expect(new Set(keys).size).toBe(keys.length)
    expect(key({ keep: [/a/] })).toBe(key({ keep: [/a/] }))
    const changed = tiny()
    changed.golden.manifest.scenes.waves!.input.sha256 = '0'.repeat(64)
    expect(key({}, changed)).not.toBe(key({}))
  })

  test.each<[string, 'int8' | 'fp8', QuantizedRecipe, RegExp]>([
    [
      'zero scenes',
      'int8',
      { calibration: { scenes: [] } },
      /recipes\.int8\.calibration\.scenes: is empty, so nothing would be calibrated/,
    ],
    [
      'a scene that is not there',
      'int8',
      { calibration: { scenes: ['wave'] } },
      /its golden has no scene "wave"; did you mean "waves"\?/,
    ],
    [
      'a percentile that nobody reads',
      'int8',
      { calibration: { method: 'min-max', percentile: 99 } },
      /`percentile` is read by the method 'percentile' only/,
    ],
    [
      'two ways at once',
      'int8',
      { calibration: { method: 'entropy' }, calibrator: () => 1 },
      /has a `calibrator` and a method/,
    ],
    ['entropy for float8', 'fp8', { calibration: { method: 'entropy' } }, /'entropy' weighs 128 equal steps/],
    [
      'a calibrator that finds nothing',
      'int8',
      { calibrator: () => 0 },
      /calibrator: returned 0 for the tensor "image"/,
    ],
  ])('is not made by %s', async (_name, precision, recipe, message) => {
    await expect(quantized(tiny(), precision, recipe)).rejects.toThrow(message)
  })

  test.each([
    ['NaN', 'Sqrt'],
    ['Infinity', 'Reciprocal'],
  ])('is not made on a scene that gives %s, which is named', async (odd, operator) => {
    const model = tiny()
    const onnx = readModel(join(model.root, 'models/tiny.onnx'))
    const { graph } = onnx
    // image − image is 0, and is no number below it
    graph!.node = [
      nodeOf('Sub', ['image', 'image'], ['zero']),
      ...(operator === 'Sqrt'
        ? [nodeOf('Cos', ['zero'], ['one']), nodeOf('Neg', ['one'], ['less'])]
        : [nodeOf('Abs', ['zero'], ['less'])]),
      nodeOf(operator, ['less'], ['odd']),
      ...graph!.node.map(node => {
        node.input = node.input.map(input => (input === 'image' ? 'odd' : input))
        return node
      }),
    ]
    writeFileSync(join(model.root, 'models/tiny.onnx'), Buffer.concat(encodeModel(onnx)))
    await expect(quantized(model, 'int8')).rejects.toThrow(
      new RegExp(`tiny\\.onnx: the tensor "odd" holds ${odd} on the scene gradient, in FP32`),
    )
  })
})

/** A model with a variant in the place that the config has for it. */
async function withVariant(precision: 'int8' | 'fp8', recipe: QuantizedRecipe): Promise<Model> {
  const path = save((await quantized(pocket, precision, recipe)).model)
  return {
    ...pocket,
    config: { ...pocket.config, onnx: { fp32: 'models/pocket/pocket.onnx', [precision]: path } },
  }
}

const { recipe } = chosenRecipe(pocket, 'int8')

describe('pocket in int8, against its PyTorch goldens', () => {
  const int8 = { precision: 'int8', fusion: 'off' } as const
  test.each(['off', 'on'] as const)('keeps the default limits on every scene, fusion %s', async fusion => {
    expect(await failures(await withVariant('int8', recipe), { precision: 'int8', fusion })).toEqual([])
  })
  test.each(['min-max', 'entropy'] as const)('also where it is calibrated by %s', async method => {
    const model = await withVariant('int8', { ...recipe, calibration: { method } })
    expect(await failures(model, int8, ['far-hills', 'slope', 'street', 'thin-poles'])).toEqual([])
  })
  test('breaks them where its head is quantised too', async () => {
    const failed = await failures(await withVariant('int8', {}), int8, ['far-hills', 'street'])
    expect(failed).toHaveLength(2)
    for (const told of failed) expect(told).toMatch(/edgeF1Drop/)
  })
})

test('pocket in fp8 runs on the CPU and is judged', async () => {
  const model = await withVariant('fp8', recipe)
  expect(await failures(model, { precision: 'fp8', fusion: 'off' }, ['kitchen', 'room'])).toEqual([])
  const { outputs } = await inferModel(model, { scene: 'kitchen', precision: 'fp8' })
  const exact = await inferModel(pocket, { scene: 'kitchen' })
  expect(packed(outputs.inverse_depth as never)).not.toEqual(packed(exact.outputs.inverse_depth as never))
})

describe.runIf(checkerPython)("Python's onnx.checker", () => {
  test('passes every variant that was made here', async () => {
    expect(made.length).toBeGreaterThan(20)
    expect(await checkerFaults(made)).toEqual({})
  })
})
