import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { DepthgateError } from '../../src/base/errors.ts'
import { chosenRecipe } from '../../src/gate/chosen-recipe.ts'
import type { Model } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { makeQuantized } from '../../src/gate/make-quantized.ts'
import type { QuantizedRecipe } from '../../src/gate/recipe.ts'
import { variantFor } from '../../src/gate/variant.ts'
import { type ModelProto, type NodeProto, TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { inferTypes } from '../../src/onnx/types.ts'
import { convert } from '../../src/precision/convert.ts'
import { quantize } from '../../src/precision/quantize.ts'
import { planQuantization, type QuantizeChoice } from '../../src/precision/quantize-plan.ts'
import { type RoundedFormat, roundTo } from '../../src/precision/round.ts'
import { checkerFaults, checkerPython } from '../helpers/checker.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { modelOf, nodeOf, noise, runModel, type Weight, noisy as w } from '../helpers/graph.ts'
import { failures, pocketModel, tinyModel as tiny } from '../helpers/models.ts'

const { FLOAT, FLOAT16, BFLOAT16, INT8 } = TensorProto_DataType
const folder = temporaryFolder()
const made: string[] = []
function save(model: ModelProto): ModelProto {
  const path = join(folder, `${made.length}.onnx`)
  writeFileSync(path, Buffer.concat(encodeModel(model)))
  made.push(path)
  return model
}
afterAll(async () => {
  expect(made.length).toBeGreaterThan(20)
  if (checkerPython) expect(await checkerFaults(made)).toEqual({})
})

/** Quantises and converts a model; every activation has the range 1. */
function mixed(
  model: ModelProto,
  { rest, keepFp32 = [], ...choice }: Partial<QuantizeChoice> & { rest: RoundedFormat },
  arithmetic: 'native' | 'emulated' = 'native',
  accumulate: 'engine' | 'fp32' = 'engine',
) {
  const plan = planQuantization(model, { format: 'int8', keepFp32, ...choice }, 'm.onnx')
  const { kept } = quantize(model, plan, new Map(plan.activations.map(name => [name, 1])), 'm.onnx')
  const converted = convert(model, { format: rest, arithmetic, keep: keepFp32, accumulate }, 'm.onnx', plan)
  return { quantized: plan.nodes, kept, converted }
}

const products: [string, () => NodeProto, Weight][] = [
  ['Conv', () => nodeOf('Conv', ['r', 'w', 'b'], ['p'], { group: 1 }, { name: 'p' }), w(7, 4, 3, 3)],
  ['ConvTranspose', () => nodeOf('ConvTranspose', ['r', 'w'], ['p'], { strides: [2, 2] }), w(4, 5, 2, 2)],
  ['MatMul', () => nodeOf('MatMul', ['r', 'w'], ['p']), w(8, 7)],
  ['Gemm', () => nodeOf('Gemm', ['r', 'w', 'b'], ['p'], { transB: 1 }), w(7, 256)],
]
const network = (product: () => NodeProto, weight: Weight, opset = 17) => {
  const shape = product().opType === 'Gemm' ? [1, 256] : [1, 4, 8, 8]
  return modelOf(opset, {
    nodes: [nodeOf('Relu', ['x'], ['r']), product(), nodeOf('Sigmoid', ['p'], ['y'])],
    inputs: [{ name: 'x', shape }],
    outputs: [{ name: 'y', shape: shape.map((_, i) => `d${i}`) }],
    weights: { w: weight, b: w(7) },
  })
}

describe.each(['int8', 'fp8'] as const)('%s with the rest in fp16', format => {
  test.each(products)(
    '%s: the native file runs and is what is emulated',
    async (_operator, product, weight) => {
      // numbers of fp16: else what the emulation alone rounds may be quantised to another step
      const x = roundTo('fp16', noise(256, 9)).values
      const build = (arithmetic: 'native' | 'emulated') => {
        const model = network(product, weight)
        mixed(model, { format, rest: 'fp16' }, arithmetic)
        return save(model)
      }
      const [native, emulated] = [build('native'), build('emulated')]
      const plain = (await runModel(network(product, weight), { x })).y!
      const [a, b] = [(await runModel(native, { x })).y!, (await runModel(emulated, { x })).y!]
      expect(a.dims).toEqual(plain.dims)
      const apart = (one: ArrayLike<unknown>, other: ArrayLike<unknown>) =>
        Math.max(...Array.from(one, (value, i) => Math.abs(Number(value) - Number(other[i]))))
      // a sigmoid's steps in fp16 are 2⁻¹¹ at most; ONNX Runtime rounds less often than the types say
      expect(apart(a.data, b.data)).toBeLessThanOrEqual(2 * 2 ** -11)
      // quantised is not nothing, and not much
      expect(apart(plain.data, b.data)).toBeGreaterThan(2 ** -11)
      expect(apart(plain.data, b.data)).toBeLessThan(format === 'int8' ? 0.05 : 0.3)
    },
  )
})

describe('types', () => {
  test.each([
    ['fp16', FLOAT16, 17],
    ['bf16', BFLOAT16, 22],
  ] as const)(
    'of Q/DQ, scales, quantised products and biases are float32; %s is all else but the ports',
    (rest, type, opset) => {
      const model = network(products[0]![1], w(7, 4, 3, 3))
      mixed(model, { rest })
      save(model)
      const { typeOf } = inferTypes(model)
      expect(Number(model.opsetImport[0]!.version)).toBe(opset)
      expect(
        model.graph!.node.map(({ opType, input, output }) => [opType, ...[...input, ...output].map(typeOf)]),
      ).toEqual([
        ['Cast', FLOAT, type],
        ['DequantizeLinear', INT8, FLOAT, INT8, FLOAT],
        ['Relu', type, type],
        ['Cast', type, FLOAT],
        ['QuantizeLinear', FLOAT, FLOAT, INT8, INT8],
        ['DequantizeLinear', INT8, FLOAT, INT8, FLOAT],
        ['Conv', FLOAT, FLOAT, FLOAT, FLOAT],
        ['Cast', FLOAT, type],
        ['Sigmoid', type, type],
        ['Cast', type, FLOAT],
      ])
    },
  )

  test('of what stands between quantised nodes alone are float32, without a Cast', () => {
    const made = (middle: NodeProto[], more: NodeProto[] = []) => {
      const model = modelOf(17, {
        nodes: [
          nodeOf('Conv', ['x', 'w'], ['a'], {}, { name: 'a' }),
          ...middle,
          nodeOf('Conv', ['c', 'w'], ['y'], {}, { name: 'y' }),
          ...more,
        ],
        inputs: [{ name: 'x', shape: [1, 4, 4, 4] }],
        outputs: ['y', ...more.flatMap(({ output }) => output)].map(name => ({ name, shape: [1, 4, 4, 4] })),
        weights: { w: w(4, 4, 1, 1), s: w(1) },
      })
      const { converted } = mixed(model, { rest: 'fp16' })
      const { typeOf } = inferTypes(save(model))
      const sigmoid = model.graph!.node.find(({ opType }) => opType === 'Sigmoid')!
      return { casts: converted.casts, sigmoid: typeOf(sigmoid.output[0]!) }
    }
    const mul = () => nodeOf('Mul', ['a', 's'], ['b'])
    const sigmoid = () => nodeOf('Sigmoid', ['b'], ['c'])
    expect(made([mul(), sigmoid()])).toEqual({ casts: 0, sigmoid: FLOAT })
    // joined to the rest: by what the rest reads, by what it writes, and by a product that is not quantised
    const neg = nodeOf('Neg', ['b'], ['z'])
    expect(made([mul(), sigmoid()], [neg]).sigmoid).toBe(FLOAT16)
    const abs = [nodeOf('Abs', ['x'], ['d']), nodeOf('Add', ['a', 'd'], ['b']), sigmoid()]
    expect(made(abs).sigmoid).toBe(FLOAT16)
    const product = [nodeOf('MatMul', ['a', 'a'], ['b'], {}, { name: 'b' }), sigmoid()]
    expect(made(product).sigmoid).toBe(FLOAT16)
  })

  test('leave a network without a rest as it was quantised', () => {
    const model = () =>
      modelOf(17, {
        nodes: [nodeOf('Conv', ['x', 'w'], ['y'])],
        inputs: [{ name: 'x', shape: [1, 4, 4, 4] }],
        outputs: [{ name: 'y', shape: [1, 4, 4, 4] }],
        weights: { w: w(4, 4, 1, 1) },
      })
    const [quantized, both] = [model(), model()]
    const plan = planQuantization(quantized, { format: 'int8' }, 'm.onnx')
    quantize(quantized, plan, new Map([['x', 1]]), 'm.onnx')
    mixed(both, { rest: 'fp16' })
    expect(save(both)).toEqual(quantized)
  })

  test('keep gives a node to the rest, keepFp32 leaves it FP32, by places of the model as it came', () => {
    const build = () =>
      modelOf(17, {
        nodes: ['a', 'b', 'c'].map((name, i) =>
          nodeOf('Conv', [['x', 'a', 'b'][i]!, `w${name}`], [name], {}, { name }),
        ),
        inputs: [{ name: 'x', shape: [1, 4, 6, 6] }],
        outputs: [{ name: 'c', shape: [1, 4, 6, 6] }],
        weights: { wa: w(4, 4, 1, 1), wb: w(4, 4, 1, 1), wc: w(4, 4, 1, 1) },
      })
    const typesOf = (choice: Partial<QuantizeChoice>) => {
      const model = build()
      const { quantized, kept } = mixed(model, { rest: 'fp16', ...choice })
      const { typeOf } = inferTypes(save(model))
      const nodes = model.graph!.node.filter(({ opType }) => opType === 'Conv')
      return {
        kept: kept.map(({ node }) => node),
        types: nodes.map(node => (quantized.has(node) ? 'int8' : typeOf(node.output[0]!))),
      }
    }
    expect(typesOf({ keep: ['#1'], keepFp32: ['#2'] })).toEqual({
      kept: ['Conv "b"', 'Conv "c"'],
      types: ['int8', FLOAT16, FLOAT],
    })
    expect(typesOf({ keepFp32: ['/^w[ab]$/'] }).types).toEqual([FLOAT, FLOAT, 'int8'])
    // names that quantising made are not the user's
    expect(typesOf({ keepFp32: ['b'] }).types).toEqual(['int8', FLOAT, 'int8'])
    expect(() => typesOf({ keepFp32: ['d'] })).toThrow(/keepFp32 d: matches no node/)
  })
})

describe('edge graphs with the rest in fp16', () => {
  const edges = join(repo, 'fixtures/edges')
  const files = readdirSync(edges).filter(file => file.endsWith('.onnx'))
  let converted = 0
  test.each(files)('%s is made and loads, or is refused with a reason', async file => {
    const path = join(edges, file)
    const make = () => {
      const model = readModel(path)
      const plan = planQuantization(model, { format: 'int8' }, path)
      quantize(model, plan, new Map(plan.activations.map(name => [name, 8])), path)
      convert(model, { format: 'fp16', arithmetic: 'native' }, path, plan)
      return model
    }
    let model: ModelProto
    try {
      model = make()
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(DepthgateError)
      return
    }
    converted++
    save(model)
    expect(Buffer.concat(encodeModel(make()))).toEqual(Buffer.concat(encodeModel(model)))
    const session = await ort.InferenceSession.create(made.at(-1)!, { logSeverityLevel: 4 })
    await session.release()
  })
  test('some have products', () => expect(converted).toBeGreaterThan(0))
})

describe('the variant of a model', () => {
  test('is emulated on the CPU and native elsewhere, the same bytes each time', async () => {
    const model = tiny({ recipes: { int8: { rest: 'fp16' } } })
    const bytes = async (arithmetic: 'native' | 'emulated') =>
      Buffer.concat(
        encodeModel(save((await makeQuantized(model, 'int8', arithmetic, { rest: 'fp16' })).model)),
      )
    for (const arithmetic of ['native', 'emulated'] as const)
      expect(await bytes(arithmetic)).toEqual(await bytes(arithmetic))
    const cpu = await variantFor(model, 'int8', 'cpu')
    const gpu = await variantFor(model, 'int8', 'cuda')
    expect([cpu.emulated, gpu.emulated]).toEqual([true, false])
    expect(cpu.onnx).not.toBe(gpu.onnx)
    expect(cpu.notes).toEqual([
      '3 products are int8, 0 are not; the rest is fp16; calibrated by percentile on 2 scenes',
    ])
    const { fingerprint, notes } = await inferModel(model, { scene: 'waves', precision: 'int8' })
    expect(fingerprint).toMatchObject({ precision: 'int8', arithmetic: 'emulated' })
    expect(notes).toEqual([
      expect.stringMatching(/^INT8 is rounded where the ONNX quantises/),
      expect.stringMatching(/^what is not quantised is emulated/),
      ...cpu.notes,
    ])
  })

  test('is another for another rest, and for other nodes in FP32', async () => {
    const paths = new Set<string>()
    const recipes: QuantizedRecipe[] = [
      {},
      { rest: 'fp16' },
      { rest: 'bf16' },
      { rest: 'fp16', keepFp32: ['Erf'] },
      { rest: 'fp16', accumulate: 'fp32' },
    ]
    const model = tiny()
    for (const recipe of recipes) paths.add((await variantFor(model, 'int8', 'cuda', { recipe })).onnx)
    expect(paths.size).toBe(recipes.length)
    // where the rest is FP32 one file serves every engine
    expect((await variantFor(model, 'int8', 'cpu')).onnx).toBe((await variantFor(model, 'int8', 'cuda')).onnx)
  })

  test.each<[string, QuantizedRecipe, RegExp]>([
    ['a rest that is none', { rest: 'f16' as 'fp16' }, /rest: "f16" is unknown; did you mean "fp16"/],
    [
      'sums of a rest in FP32',
      { accumulate: 'fp32' },
      /recipes\.int8: `accumulate` is for products of a rest in fp16 or bf16/,
    ],
    [
      'FP32 sums of quantised products alone',
      { rest: 'fp16', accumulate: { fp32: ['Conv'] } },
      /names no product that is not quantised/,
    ],
    ['FP16 sums of bf16', { rest: 'bf16', accumulate: 'fp16' }, /kernels of bf16 sum in FP32/],
    [
      'a keep-list that matches nothing',
      { rest: 'fp16', keepFp32: ['Sigmoidd'] },
      /keepFp32 Sigmoidd: matches no node/,
    ],
  ])('is not made by %s', async (_name, recipe, message) => {
    await expect(makeQuantized(tiny(), 'int8', 'native', recipe)).rejects.toThrow(message)
  })
})

describe('pocket in int8 with the rest in fp16, against its PyTorch goldens', () => {
  const pocket = pocketModel()
  const { recipe } = chosenRecipe(pocket, 'int8')
  const failing = (rest: 'fp16' | 'bf16', fusion: 'on' | 'off', scenes?: string[]) =>
    failures(pocket, { precision: 'int8', fusion }, scenes, { recipe: { ...recipe, rest } })

  test.each(['off', 'on'] as const)('keeps the default limits on every scene, fusion %s', async fusion => {
    expect(await failing('fp16', fusion)).toEqual([])
  })
  test('and breaks them in bf16, which is too coarse for what the head holds', async () => {
    expect(await failing('bf16', 'off', ['far-hills', 'slope'])).toHaveLength(2)
  })
  test('the native file, too, runs in ONNX Runtime and keeps them', async () => {
    const { model: onnx } = await makeQuantized(pocket, 'int8', 'native', { ...recipe, rest: 'fp16' })
    save(onnx)
    const model: Model = {
      ...pocket,
      config: { ...pocket.config, onnx: { fp32: 'models/pocket/pocket.onnx', int8: made.at(-1)! } },
    }
    expect(await failures(model, { precision: 'int8' }, ['kitchen', 'street'])).toEqual([])
  })
})
