import { toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf } from '../../../src/onnx/floats.ts'
import {
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  TensorProto_DataType,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { attributeOf, opsetOf } from '../../../src/onnx/nodes.ts'
import { type Quantized, quantize } from '../../../src/precision/quantize.ts'
import { planQuantization, type QuantizeChoice } from '../../../src/precision/quantize-plan.ts'
import { scalesFor } from '../../../src/precision/quantized-weight.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { graphOf, modelOf, nodeOf, type Weight, noisy as w } from '../../helpers/graph.ts'

const shape = [1, 4, 6, 6]
const conv = (input: string, weight: string, output: string, more: object = {}) =>
  nodeOf('Conv', [input, weight], [output], {}, { name: output, ...more })
const network = (nodes: NodeProto[], weights: Record<string, Weight> = {}, outputs = ['y'], opset = 17) =>
  modelOf(opset, { nodes, inputs: [{ name: 'x', shape }], outputs: outputs.map(name => ({ name })), weights })

/** Quantises with a range of 1 for every activation. */
function quantized(model: ModelProto, choice: Partial<QuantizeChoice> = {}): Quantized {
  const plan = planQuantization(model, { format: 'int8', ...choice }, 'm.onnx')
  return quantize(model, plan, new Map(plan.activations.map(name => [name, 1])), 'm.onnx')
}
const lines = (model: ModelProto) =>
  model.graph!.node.map(({ opType, input, output }) => `${opType}(${input.join(', ')}) -> ${output}`)
const initializer = (model: ModelProto, name: string) => {
  const found = model.graph!.initializer.find(tensor => tensor.name === name)
  expect(found, `${name} of ${model.graph!.initializer.map(tensor => tensor.name)}`).toBeDefined()
  return found!
}
const dims = (model: ModelProto, name: string) => initializer(model, name).dims.map(Number)

describe('a quantised model', () => {
  test('reads activations and weights by way of Q/DQ, each once; sums and biases stay FP32', () => {
    const model = network(
      [
        nodeOf('Conv', ['x', 'v', 'b'], ['h'], {}, { name: 'first' }),
        nodeOf('Relu', ['h'], ['r']),
        conv('r', 'w', 'p'),
        conv('r', 'u', 'q'),
        nodeOf('Add', ['p', 'q'], ['s']),
        nodeOf('Add', ['s', 'r'], ['y']),
      ],
      { v: w(4, 4, 1, 1), b: w(4), w: w(4, 4, 1, 1), u: w(4, 4, 1, 1) },
    )
    const facts = quantized(model)
    expect(lines(model)).toEqual([
      'DequantizeLinear(v/int8, v/int8/scale, depthgate/int8/zero/4) -> v/int8/fp32',
      'DequantizeLinear(w/int8, w/int8/scale, depthgate/int8/zero/4) -> w/int8/fp32',
      'DequantizeLinear(u/int8, u/int8/scale, depthgate/int8/zero/4) -> u/int8/fp32',
      'QuantizeLinear(x, x/int8/scale, depthgate/int8/zero) -> x/int8',
      'DequantizeLinear(x/int8, x/int8/scale, depthgate/int8/zero) -> x/int8/fp32',
      'Conv(x/int8/fp32, v/int8/fp32, b) -> h',
      'Relu(h) -> r',
      'QuantizeLinear(r, r/int8/scale, depthgate/int8/zero) -> r/int8',
      'DequantizeLinear(r/int8, r/int8/scale, depthgate/int8/zero) -> r/int8/fp32',
      'Conv(r/int8/fp32, w/int8/fp32) -> p',
      'Conv(r/int8/fp32, u/int8/fp32) -> q',
      'Add(p, q) -> s',
      'Add(s, r) -> y',
    ])
    expect(model.graph!.initializer.map(({ name }) => name).sort()).toEqual(
      [
        'b',
        ...['v', 'w', 'u'].flatMap(name => [`${name}/int8`, `${name}/int8/scale`]),
        'x/int8/scale',
        'r/int8/scale',
        'depthgate/int8/zero',
        'depthgate/int8/zero/4',
      ].sort(),
    )
    expect(facts).toEqual({
      nodes: 3,
      kept: [],
      activations: [
        { tensor: 'x', range: 1 },
        { tensor: 'r', range: 1 },
      ],
      weights: ['v', 'w', 'u'].map(tensor => ({ tensor, values: 16 })),
    })
    expect(new Set(model.graph!.node.map(({ name }) => name).filter(name => name !== '')).size).toBe(10)
  })

  test.each<[string, NodeProto, Weight, number | undefined]>([
    ['Conv', conv('x', 'w', 'y'), w(5, 4, 3, 3), 0],
    ['a grouped Conv', nodeOf('Conv', ['x', 'w'], ['y'], { group: 4 }), w(8, 1, 3, 3), 0],
    ['ConvTranspose', nodeOf('ConvTranspose', ['x', 'w'], ['y']), w(4, 5, 2, 2), 1],
    [
      'a grouped ConvTranspose',
      nodeOf('ConvTranspose', ['x', 'w'], ['y'], { group: 2 }),
      w(4, 3, 2, 2),
      undefined,
    ],
    ['MatMul', nodeOf('MatMul', ['x', 'w'], ['y']), w(6, 7), 1],
    ['a batched MatMul', nodeOf('MatMul', ['x', 'w'], ['y']), w(1, 4, 6, 7), undefined],
    ['a MatMul by a vector', nodeOf('MatMul', ['x', 'w'], ['y']), w(6), undefined],
    ['a MatMul with the weight on the left', nodeOf('MatMul', ['w', 'x'], ['y']), w(5, 6), undefined],
    ['Gemm', nodeOf('Gemm', ['x', 'w'], ['y']), w(6, 7), 1],
    ['a Gemm that transposes', nodeOf('Gemm', ['x', 'w'], ['y'], { transB: 1 }), w(7, 6), 0],
  ])('has one scale a channel of the result: %s', (_name, node, weight, axis) => {
    const model = network([node], { w: weight })
    quantized(model)
    const dequantize = model.graph!.node.find(({ output }) => output[0] === 'w/int8/fp32')!
    expect(attributeOf(dequantize, 'axis')?.i).toBe(axis === undefined ? undefined : BigInt(axis))
    const scales = [...floatsOf(initializer(model, 'w/int8/scale'), 'm')!]
    expect(dims(model, 'w/int8/scale')).toEqual(axis === undefined ? [] : [weight.dims[axis]])
    expect(dims(model, dequantize.input[2]!)).toEqual(dims(model, 'w/int8/scale'))
    expect(dims(model, 'w/int8')).toEqual(weight.dims)

    // every channel fills its scale, and no value is further than half a step from what it was
    const inner = weight.dims.slice((axis ?? 0) + 1).reduce((a, b) => a * b, 1)
    const channel = (i: number) => (axis === undefined ? 0 : Math.floor(i / inner) % weight.dims[axis]!)
    const steps = new Int8Array(initializer(model, 'w/int8').rawData)
    const largest = scales.map(() => 0)
    for (const [i, step] of steps.entries()) {
      largest[channel(i)] = Math.max(largest[channel(i)]!, Math.abs(step))
      expect(Math.abs(step * scales[channel(i)]! - weight.values[i]!)).toBeLessThanOrEqual(
        scales[channel(i)]! * 0.5001,
      )
    }
    expect(largest).toEqual(scales.map(() => 127))
  })

  test('rounds to even, symmetrically, and gives what is 0 throughout a harmless scale', () => {
    const model = network([nodeOf('MatMul', ['x', 'w'], ['y'])], {
      w: { dims: [6, 2], values: [127, 0, -127, 0, 0.5, 0, 1.5, 0, -2.5, 0, -126.6, -0] },
    })
    const plan = planQuantization(model, { format: 'int8' }, 'm.onnx')
    quantize(model, plan, new Map([['x', 0]]), 'm.onnx')
    expect([...floatsOf(initializer(model, 'w/int8/scale'), 'm')!]).toEqual([1, 1])
    expect([...new Int8Array(initializer(model, 'w/int8').rawData)]).toEqual([
      127, 0, -127, 0, 0, 0, 2, 0, -2, 0, -127, 0,
    ])
    expect([...floatsOf(initializer(model, 'x/int8/scale'), 'm')!]).toEqual([1])
  })

  test('is the same bytes each time', () => {
    const bytes = () => {
      const model = network([conv('x', 'v', 'h'), conv('h', 'w', 'y')], {
        v: w(4, 4, 3, 3),
        w: w(4, 4, 3, 3),
      })
      quantized(model)
      return toBinary(ModelProtoSchema, model)
    }
    expect(bytes()).toEqual(bytes())
  })

  test('finds names of its own where the network has taken them', () => {
    const model = network(
      [
        nodeOf('Relu', ['x'], ['x/int8']),
        conv('x', 'w', 'h'),
        nodeOf('Concat', ['h', 'x/int8'], ['y'], { axis: 1 }),
      ],
      { w: w(4, 4, 1, 1) },
    )
    quantized(model)
    expect(lines(model)).toContain('QuantizeLinear(x, x/int8.2/scale, depthgate/int8/zero) -> x/int8.2')
  })
})

describe('fp8', () => {
  test('is E4M3FN with one scale a tensor; the opset is raised to the first that has it', () => {
    const model = network([conv('x', 'w', 'y')], {
      w: { dims: [1, 4, 1, 1], values: [448, -448, 1.0625, 0] },
    })
    quantized(model, { format: 'fp8' })
    expect([opsetOf(model), model.irVersion]).toEqual([19, 9n])
    expect(initializer(model, 'w/fp8').dataType).toBe(TensorProto_DataType.FLOAT8E4M3FN)
    expect([...initializer(model, 'w/fp8').rawData]).toEqual([0x7e, 0xfe, 0x38, 0])
    expect(dims(model, 'w/fp8/scale')).toEqual([])
    expect(floatsOf(initializer(model, 'x/fp8/scale'), 'm')![0]).toBe(Math.fround(1 / 448))
    expect(initializer(model, 'depthgate/fp8/zero').dataType).toBe(TensorProto_DataType.FLOAT8E4M3FN)
  })

  test('is refused where the opset cannot be raised, by the node that stands in the way', () => {
    const pool = nodeOf('AveragePool', ['x'], ['p'], { kernel_shape: [2, 2], auto_pad: 'SAME_UPPER' })
    expect(
      errorOf(() => quantized(network([pool, conv('p', 'w', 'y')], { w: w(4, 4, 1, 1) }), { format: 'fp8' }))
        .message,
    ).toMatch(/m\.onnx: cannot be raised from opset 17 to 19: AveragePool "p"/)
  })
})

describe('a weight', () => {
  test('that a node reads in FP32 too is there twice', () => {
    const model = network([conv('x', 'w', 'h'), nodeOf('Mul', ['h', 'w'], ['y'])], { w: w(4, 4, 1, 1) })
    quantized(model)
    initializer(model, 'w')
    initializer(model, 'w/int8')
  })
  test('that is an output, or that a body reads, stays', () => {
    const body = graphOf({ nodes: [nodeOf('Identity', ['v'], ['i'])], outputs: [{ name: 'i' }] })
    const model = network(
      [
        conv('x', 'w', 'h'),
        conv('h', 'v', 'y'),
        nodeOf('If', ['c'], ['z'], { then_branch: body, else_branch: body }),
      ],
      { w: w(4, 4, 1, 1), v: w(4, 4, 1, 1), c: { dims: [], values: [1] } },
      ['y', 'w', 'z'],
    )
    quantized(model)
    initializer(model, 'w')
    initializer(model, 'v')
  })
  test('along other channels for another node is quantised for each', () => {
    const model = network(
      [
        nodeOf('Gemm', ['x', 'w'], ['h']),
        nodeOf('Gemm', ['h', 'w'], ['g'], { transB: 1 }),
        nodeOf('Gemm', ['g', 'w'], ['y']),
      ],
      { w: w(6, 6) },
    )
    quantized(model)
    expect(lines(model).filter(line => line.startsWith('Gemm'))).toEqual([
      'Gemm(x/int8/fp32, w/int8/fp32) -> h',
      'Gemm(h/int8/fp32, w/int8.2/fp32) -> g',
      'Gemm(g/int8/fp32, w/int8/fp32) -> y',
    ])
  })
  test('in a Constant node is one like any other', () => {
    const constant = nodeOf('Constant', [], ['w'])
    constant.attribute = nodeOf('Constant', [], [], { value: { tensor: w(4, 4, 1, 1) } }).attribute
    const model = network([constant, conv('x', 'w', 'y')])
    quantized(model)
    initializer(model, 'w/int8')
    expect(lines(model).join()).not.toMatch('Constant')
  })
  test('that is an input too, as old exporters write it, is one no longer', () => {
    const model = network([conv('x', 'w', 'y')], { w: w(4, 4, 1, 1) })
    model.irVersion = 3n
    model.graph!.input.push(
      modelOf(17, { nodes: [], inputs: [{ name: 'w', shape: [4, 4, 1, 1] }], outputs: [] }).graph!.input[0]!,
    )
    quantized(model)
    expect(model.graph!.input.map(({ name }) => name)).toEqual(['x'])
    expect(model.irVersion).toBe(4n)
  })
  test.each([Number.NaN, Number.POSITIVE_INFINITY])('that holds %d is refused by name', odd => {
    const model = network([conv('x', 'w', 'y')], { w: { dims: [1, 4, 1, 1], values: [1, odd, 3, 4] } })
    expect(errorOf(() => quantized(model)).message).toMatch(/m\.onnx: the weight w holds (NaN|Infinity)/)
  })
})

describe('what stays FP32 is told with its reason:', () => {
  const chain = () =>
    network(
      [
        conv('x', 'v', 'a'),
        nodeOf('Relu', ['a'], ['r']),
        conv('r', 'w', 'b'),
        nodeOf('MatMul', ['b', 'r'], ['m'], {}, { name: 'm' }),
        conv('m', 'u', 'y'),
        conv('r', 't', 'z'),
      ],
      { v: w(4, 4, 1, 1), w: w(4, 4, 1, 1), u: w(4, 4, 1, 1), t: w(4, 4, 1, 1) },
      ['y', 'z'],
    )
  const product = { node: 'MatMul "m"', reason: 'a product of two activations' }
  test.each<[string, Partial<QuantizeChoice>, { node: string; reason: string }[]]>([
    ['products of activations', {}, [product]],
    ['nothing', { attention: true }, []],
    [
      'what is kept by name or weight',
      { keep: ['b', 't'], attention: true },
      ['b', 'z'].map(name => ({ node: `Conv "${name}"`, reason: 'asked for' })),
    ],
    ['the first', { keepFirst: true, attention: true }, [{ node: 'Conv "a"', reason: 'a first layer' }]],
    [
      'the last of every branch',
      { keepLast: true, attention: true },
      ['y', 'z'].map(name => ({ node: `Conv "${name}"`, reason: 'a last layer' })),
    ],
    ['nothing of operators that were not asked for', { operators: ['Conv'] }, []],
  ])('%s', (_name, choice, kept) => {
    const model = chain()
    expect(quantized(model, choice).kept).toEqual(kept)
    const raw = model.graph!.node.filter(
      ({ opType, input }) => (opType === 'Conv' || opType === 'MatMul') && !input[0]!.endsWith('/int8/fp32'),
    )
    expect(raw.map(({ name }) => name)).toEqual(
      choice.operators ? ['m'] : kept.map(({ node }) => JSON.parse(node.split(' ')[1]!)),
    )
  })

  test('weights that are computed, constants, integers and bodies', () => {
    const body = graphOf({ nodes: [conv('x', 'w', 'i')], outputs: [{ name: 'i' }] })
    const model = network(
      [
        conv('x', 'w', 'y'),
        nodeOf('Transpose', ['w'], ['t']),
        conv('x', 't', 'a'),
        nodeOf('MatMul', ['v', 'v'], ['k'], {}, { name: 'k' }),
        nodeOf('MatMul', ['n', 'n'], ['j'], {}, { name: 'j' }),
        nodeOf('If', ['c'], ['z'], { then_branch: body, else_branch: body }),
      ],
      {
        w: w(4, 4, 1, 1),
        v: w(4, 4),
        c: { dims: [], values: [1] },
        n: { dims: [2, 2], values: [1, 2, 3, 4], type: TensorProto_DataType.INT64 },
      },
    )
    expect(quantized(model).kept).toEqual([
      { node: 'Conv "a"', reason: 'its weight is computed in the graph' },
      { node: 'MatMul "k"', reason: 'all that it reads is constant' },
      { node: 'MatMul "j"', reason: 'it does not compute in float32' },
      { node: 'Conv "i"', reason: 'control flow stays FP32 as a whole' },
      { node: 'Conv "i"', reason: 'control flow stays FP32 as a whole' },
    ])
  })

  test('of bodies it is told which products would be quantised elsewhere', () => {
    const body = graphOf({
      nodes: [
        nodeOf('Constant', [], ['u'], { value: { tensor: w(4, 4, 1, 1) } }),
        ...[conv('x', 'u', 'own'), conv('x', 'w', 'captured'), conv('x', 'w', 'asked')],
        ...[nodeOf('MatMul', ['x', 'x'], ['activations']), nodeOf('MatMul', ['u', 'u'], ['constant'])],
      ],
      outputs: [{ name: 'own' }],
    })
    const nodes = () => [conv('x', 'w', 'y'), nodeOf('If', ['c'], ['z'], { then_branch: body })]
    const weights = { w: w(4, 4, 1, 1), c: { dims: [], values: [1] } }
    const inBodies = (choice: Partial<QuantizeChoice> = {}) =>
      planQuantization(network(nodes(), weights), { format: 'int8', ...choice }, 'm.onnx').inBodies.map(
        ({ output }) => output[0],
      )
    expect(inBodies({ keep: ['asked'] })).toEqual(['own', 'captured'])
    expect(inBodies({ attention: true, operators: ['Conv', 'MatMul'] })).toEqual([
      ...['own', 'captured', 'asked', 'activations'],
    ])
  })

  test('residual branches, unless they are asked for', () => {
    const build = () =>
      network(
        [
          nodeOf('Relu', ['x'], ['r']),
          conv('r', 'w', 'h'),
          nodeOf('Add', ['h', 'r'], ['s'], {}, { name: 's' }),
          nodeOf('Neg', ['x'], ['n']),
          nodeOf('Add', ['s', 'n'], ['e']),
          nodeOf('Add', ['e', 'b'], ['y']),
        ],
        { w: w(4, 4, 1, 1), b: w(1) },
      )
    const plain = build()
    expect(quantized(plain).nodes).toBe(1)
    expect(lines(plain)).toContain('Add(h, r) -> s')
    const asked = build()
    expect(quantized(asked, { residual: true }).nodes).toBe(2)
    expect(lines(asked).filter(line => line.startsWith('Add'))).toEqual([
      'Add(h, r/int8/fp32) -> s',
      'Add(s, n) -> e',
      'Add(e, b) -> y',
    ])
    expect(quantized(build(), { residual: true, keep: ['s'] }).nodes).toBe(1)
  })
})

test('no scale is a subnormal number, which could be taken for 0', () => {
  const [tiny, small, none] = scalesFor('int8', [1e-44, 127 * 2 ** -120, 0])
  expect([tiny, small, none]).toEqual([2 ** -126, 2 ** -120, 1])
})

describe('is refused, with the way out:', () => {
  const simple = (opset = 17) => network([conv('x', 'w', 'y')], { w: w(4, 4, 1, 1) }, ['y'], opset)
  test.each<[string, () => unknown, RegExp]>([
    [
      'a model that is quantised already',
      () => {
        const model = simple()
        quantized(model)
        quantized(model)
      },
      /m\.onnx: is quantised already \(DequantizeLinear "depthgate-dequantize:w\/int8\/fp32"\)/,
    ],
    [
      'an opset without scales for each channel',
      () => quantized(simple(12)),
      /opset 12 has no scales for each channel; export with opset 13/,
    ],
    [
      'an opset that cannot be raised to float8',
      () => quantized(simple(12), { format: 'fp8' }),
      /opset 12 has no float8/,
    ],
    [
      'a network without products',
      () => quantized(network([nodeOf('Relu', ['x'], ['y'])])),
      /not one of its nodes would be quantised: it has no Conv, ConvTranspose, Gemm, MatMul/,
    ],
    [
      'a choice that leaves nothing',
      () => quantized(simple(), { keep: ['Conv'] }),
      /not one of its nodes would be quantised: Conv "y": asked for/,
    ],
    [
      'a keep-list that matches nothing',
      () => quantized(simple(), { keep: ['Convv'] }),
      /keep Convv: matches no node; did you mean "Conv"\?/,
    ],
    [
      'an operator that it does not know',
      () => quantized(simple(), { operators: ['Covn' as 'Conv'] }),
      /operators: "Covn" is unknown; did you mean "Conv"\?/,
    ],
    [
      'an option that nothing reads',
      () => quantized(simple(), { keepfirst: true } as object),
      /the option "keepfirst" is unknown; did you mean "keepFirst"\?/,
    ],
  ])('%s', (_name, run, message) => {
    expect(errorOf(run).message).toMatch(message)
  })
  test.each([undefined, Number.NaN, -1])('a range of %d', range => {
    const model = simple()
    const plan = planQuantization(model, { format: 'int8' }, 'm.onnx')
    const ranges = new Map(range === undefined ? [] : [['x', range]])
    expect(errorOf(() => quantize(model, plan, ranges, 'm.onnx')).message).toMatch(
      /m\.onnx: the range of the tensor "x" is/,
    )
  })
})
