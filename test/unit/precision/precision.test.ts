import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf } from '../../../src/onnx/floats.ts'
import {
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { type Conversion, convert } from '../../../src/precision/convert.ts'
import { chooseNodes } from '../../../src/precision/keep.ts'
import { roundTo } from '../../../src/precision/round.ts'

describe('rounding to a format', () => {
  test('fp16: to nearest, ties to even; beyond the largest it is clamped, below the smallest it is zero', () => {
    const { values, clamped, flushed } = roundTo(
      'fp16',
      Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 70000, -1e9, 2 ** -26, -(2 ** -26), 2 ** -24, 65504),
    )
    expect([...values]).toEqual([1, 1 + 2 ** -9, 65504, -65504, 0, -0, 2 ** -24, 65504])
    expect({ clamped, flushed }).toEqual({ clamped: 2, flushed: 2 })
  })
  test('bf16: to nearest, ties to even; the range is that of float32', () => {
    const { values, clamped, flushed } = roundTo(
      'bf16',
      Float32Array.of(1 + 2 ** -8, 1 + 3 * 2 ** -8, 70000, 3.4e38, 1e-30, -1.00390625),
    )
    expect([...values]).toEqual([
      1,
      1 + 2 ** -6,
      70144,
      Math.fround(3.3895313892515355e38),
      1.265625 * 2 ** -100,
      -1,
    ])
    expect({ clamped, flushed }).toEqual({ clamped: 1, flushed: 0 })
  })
  test.each(['fp16', 'bf16'] as const)('%s keeps ±Inf, NaN and the sign of zero', format => {
    const special = Float32Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 0, -0)
    const { values, clamped, flushed } = roundTo(format, special)
    expect([...values]).toEqual([...special])
    expect({ clamped, flushed }).toEqual({ clamped: 0, flushed: 0 })
  })
  test('a NaN whose payload bf16 would cut away stays NaN', () => {
    expect([...roundTo('bf16', new Float32Array(Uint32Array.of(0x7f800001).buffer)).values]).toEqual([
      Number.NaN,
    ])
  })
})

const node = (opType: string, input: string[], output: string[]) =>
  create(NodeProtoSchema, { opType, input, output })
const weight = (name: string, values: number[]) =>
  create(TensorProtoSchema, {
    name,
    dims: [BigInt(values.length)],
    dataType: TensorProto_DataType.FLOAT,
    floatData: values,
  })
const port = (name: string, elemType = TensorProto_DataType.FLOAT) =>
  create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: { elemType } } } })
const named = (...names: string[]) => names.map(name => port(name))

function model(
  nodes: ReturnType<typeof node>[],
  weights: ReturnType<typeof weight>[] = [],
  inputs = ['x'],
  outputs = ['y'],
): ModelProto {
  const graph = create(GraphProtoSchema, {
    node: nodes,
    initializer: weights,
    input: named(...inputs),
    output: named(...outputs),
  })
  return create(ModelProtoSchema, {
    graph,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 18n })],
  })
}
const shape = (made: ModelProto) =>
  made.graph!.node.map(({ opType, input, output }) => `${opType}(${input}) -> ${output}`)

const made = (given: ModelProto, conversion: Partial<Conversion> = {}) => ({
  result: convert(given, { format: 'fp16', arithmetic: 'native', ...conversion }, 'm.onnx'),
  shape: shape(given),
})
const scaled = () =>
  model([node('Mul', ['x', 'w'], ['h']), node('Add', ['h', 'x'], ['y'])], [weight('w', [1 + 2 ** -11, 1e6])])

describe('converting to a format', () => {
  test('native: each tensor is cast once, results are of the format, inputs and outputs stay float32', () => {
    const given = scaled()
    const { result, shape } = made(given)
    expect(shape).toEqual([
      'Cast(x) -> x/fp16',
      'Mul(x/fp16,w/fp16) -> h/fp16',
      'Add(h/fp16,x/fp16) -> y/fp16',
      'Cast(y/fp16) -> y',
    ])
    expect(result.weights).toEqual([{ tensor: 'w', values: 2, clamped: 1, flushed: 0 }])
    const [reduced] = given.graph!.initializer
    expect(reduced).toMatchObject({ name: 'w/fp16', dataType: TensorProto_DataType.FLOAT16 })
    expect([...new Uint16Array(reduced!.rawData.slice().buffer)]).toEqual([0x3c00, 0x7bff])
  })

  test('emulated: the same names, float32 throughout, every tensor through a Cast there and back', () => {
    const given = scaled()
    expect(made(given, { arithmetic: 'emulated' }).shape).toEqual([
      'Cast(x) -> x/fp16/bits',
      'Cast(x/fp16/bits) -> x/fp16',
      'Mul(x/fp16,w/fp16) -> h/fp16/exact',
      'Cast(h/fp16/exact) -> h/fp16/bits',
      'Cast(h/fp16/bits) -> h/fp16',
      'Add(h/fp16,x/fp16) -> y/fp16/exact',
      'Cast(y/fp16/exact) -> y/fp16/bits',
      'Cast(y/fp16/bits) -> y/fp16',
      'Cast(y/fp16) -> y',
    ])
    expect([...floatsOf(given.graph!.initializer[0]!, 'm')!]).toEqual([1, 65504])
  })

  test('emulated: what is exact is not rounded again, sizes and integers are left alone', () => {
    const given = model(
      [node('Shape', ['x'], ['s']), node('Relu', ['x'], ['r']), node('Resize', ['r', '', 'scales'], ['y'])],
      [weight('scales', [1, 1, 1.7, 1.7])],
    )
    expect(made(given, { arithmetic: 'emulated' }).shape.filter(line => !line.startsWith('Cast'))).toEqual([
      'Shape(x) -> s',
      'Relu(x/fp16) -> r/fp16',
      'Resize(r/fp16,,scales) -> y/fp16/exact',
    ])
    expect(floatsOf(given.graph!.initializer[0]!, 'm')![2]).toBe(Math.fround(1.7))
  })

  test('kept nodes read and write float32, and a weight that both need is there twice', () => {
    const given = model(
      [node('Mul', ['x', 'w'], ['h']), node('Softmax', ['h'], ['s']), node('Add', ['s', 'w'], ['y'])],
      [weight('w', [1])],
    )
    const { result, shape } = made(given, { keep: ['Softmax', 'y'] })
    expect(shape).toEqual([
      'Cast(x) -> x/fp16',
      'Mul(x/fp16,w/fp16) -> h/fp16',
      'Cast(h/fp16) -> h',
      'Softmax(h) -> s',
      'Add(s,w) -> y',
    ])
    expect(given.graph!.initializer.map(({ name }) => name)).toEqual(['w', 'w/fp16'])
    expect(result.kept.map(({ reason }) => reason)).toEqual(['asked for', 'asked for'])
  })

  test("accumulate: 'fp32' casts around products what the format holds; a list names which", () => {
    const network = () =>
      model([node('MatMul', ['x', 'w'], ['h']), node('MatMul', ['h', 'w'], ['y'])], [weight('w', [1])])
    expect(made(network(), { accumulate: 'fp32' }).shape).toEqual([
      'Cast(x) -> x/fp16',
      'Cast(x/fp16) -> x/fp16/fp32',
      'Cast(w/fp16) -> w/fp16/fp32',
      'MatMul(x/fp16/fp32,w/fp16/fp32) -> h/fp16/sum',
      'Cast(h/fp16/sum) -> h/fp16',
      'Cast(h/fp16) -> h',
      'MatMul(h,w/fp16/fp32) -> y/fp16/sum',
      'Cast(y/fp16/sum) -> y/fp16',
      'Cast(y/fp16) -> y',
    ])
    expect(
      made(network(), { accumulate: { fp32: ['h'] } }).shape.filter(line => line.startsWith('MatMul')),
    ).toEqual(['MatMul(x/fp16/fp32,w/fp16/fp32) -> h/fp16/sum', 'MatMul(h/fp16,w/fp16) -> y/fp16'])
  })

  test('what is computed from sizes stays float32: 2049 is no fp16', () => {
    const cast = node('Cast', ['s'], ['f'])
    cast.attribute = [create(AttributeProtoSchema, { name: 'to', i: BigInt(TensorProto_DataType.FLOAT) })]
    const given = model(
      [node('Shape', ['x'], ['s']), cast, node('Mul', ['f', 'two'], ['d']), node('Mul', ['x', 'd'], ['y'])],
      [weight('two', [2])],
    )
    expect(made(given).shape).toEqual([
      'Cast(x) -> x/fp16',
      'Shape(x) -> s',
      'Cast(s) -> f',
      'Mul(f,two) -> d',
      'Cast(d) -> d/fp16',
      'Mul(x/fp16,d/fp16) -> y/fp16',
      'Cast(y/fp16) -> y',
    ])
  })

  test('indices and factors from Constant nodes are as constant as weights', () => {
    const constant = node('Constant', [], ['three'])
    constant.attribute = [
      create(AttributeProtoSchema, {
        name: 'value',
        t: create(TensorProtoSchema, { dataType: TensorProto_DataType.INT64, int64Data: [3n] }),
      }),
    ]
    const cast = node('Cast', ['last'], ['f'])
    cast.attribute = [create(AttributeProtoSchema, { name: 'to', i: BigInt(TensorProto_DataType.FLOAT) })]
    const nodes = [constant, node('Shape', ['x'], ['s']), node('Gather', ['s', 'three'], ['last']), cast]
    const given = model([...nodes, node('Mul', ['x', 'f'], ['y'])])
    expect(made(given, { arithmetic: 'emulated' }).shape).toContain('Cast(last) -> f')
  })

  test('bf16 where raising the opset adds nodes', () => {
    const reduce = node('ReduceMax', ['x'], ['r'])
    reduce.attribute = [create(AttributeProtoSchema, { name: 'axes', type: 7, ints: [1n] })]
    const given = model([reduce, node('Softplus', ['r'], ['y'])])
    given.opsetImport[0]!.version = 17n
    const { shape, result } = made(given, { format: 'bf16' })
    expect(given.opsetImport[0]!.version).toBe(22n)
    expect(shape.some(line => /^ReduceMax\(x\/bf16,.+\) -> r\/bf16$/.test(line))).toBe(true)
    expect(result.kept).toEqual([])
  })

  test('before opset 12 the exponent of Pow has the type of its base', () => {
    const given = model([node('Pow', ['x', 'two'], ['y'])], [weight('two', [2])])
    given.opsetImport[0]!.version = 11n
    expect(made(given).shape).toContain('Pow(x/fp16,two/fp16) -> y/fp16')
    const later = model([node('Pow', ['x', 'two'], ['y'])], [weight('two', [2])])
    later.opsetImport[0]!.version = 13n
    expect(made(later).shape).toContain('Pow(x/fp16,two) -> y/fp16')
  })

  test('a list of sums that names no product is an error, emulated too', () => {
    for (const arithmetic of ['native', 'emulated'] as const)
      expect(() => made(scaled(), { arithmetic, accumulate: { fp32: ['Mul'] } })).toThrow(/names no product/)
  })

  test('reaches what a body captures from outside, which stays float32', () => {
    const body = create(GraphProtoSchema, {
      node: [node('Identity', ['h'], ['inner'])],
      output: named('inner'),
    })
    const branch = node('If', ['c'], ['y'])
    branch.attribute = [create(AttributeProtoSchema, { name: 'then_branch', g: body })]
    const given = model([node('Neg', ['x'], ['h']), branch], [], ['x'])
    given.graph!.input.push(port('c', TensorProto_DataType.BOOL))
    expect(made(given).shape).toEqual([
      'Cast(x) -> x/fp16',
      'Neg(x/fp16) -> h/fp16',
      'Cast(h/fp16) -> h',
      'If(c) -> y',
    ])
    expect(body.node[0]!.input).toEqual(['h'])
  })

  test('tells what in bodies would be of the format elsewhere: no integers, sizes, constants, nor what is kept', () => {
    const body = (...nodes: ReturnType<typeof node>[]) =>
      create(GraphProtoSchema, { node: nodes, output: named(nodes.at(-1)!.output[0]!) })
    const holding = (outer: ReturnType<typeof node>, name: string, g: GraphProto) => {
      outer.attribute = [create(AttributeProtoSchema, { name, g })]
      return outer
    }
    const toFloat = node('Cast', ['size'], ['length'])
    toFloat.attribute = [create(AttributeProtoSchema, { name: 'to', i: BigInt(TensorProto_DataType.FLOAT) })]
    const half = node('Constant', [], ['half'])
    half.attribute = [create(AttributeProtoSchema, { name: 'value_float', f: 0.5 })]
    const inner = body(node('Exp', ['g'], ['e']), node('Sin', ['e'], ['s']), node('Shape', ['s'], ['t']))
    const outer = body(
      ...[toFloat, half, node('Mul', ['h', 'half'], ['g']), node('Mul', ['length', 'half'], ['middle'])],
      ...[holding(node('If', ['c'], ['i']), 'else_branch', inner), node('Add', ['g', 'middle'], ['inner'])],
    )
    const given = model(
      [
        ...[node('Neg', ['x'], ['h']), node('Shape', ['x'], ['size'])],
        holding(node('If', ['c'], ['y']), 'then_branch', outer),
      ],
      [],
      ['x'],
    )
    given.graph!.input.push(port('c', TensorProto_DataType.BOOL))
    const { inBodies } = made(given, { keep: ['Sin'] }).result
    expect(inBodies.map(({ opType, output }) => `${opType} ${output}`)).toEqual([
      'Mul g',
      'Exp e',
      'Add inner',
    ])
    expect(made(scaled()).result.inBodies).toEqual([])
  })

  test.each(['native', 'emulated'] as const)('a second time is refused, %s', arithmetic => {
    const given = scaled()
    made(given, { arithmetic })
    expect(() => made(given)).toThrow(/m\.onnx: is in a reduced precision already/)
  })

  test('where nothing would be converted, it says so', () => {
    expect(() => made(scaled(), { keep: ['Mul', 'Add'] })).toThrow(
      /not one of its nodes would compute in fp16/,
    )
  })
})

describe('choosing nodes', () => {
  const placed = [
    { node: node('Conv', ['x', 'enc.0.weight'], ['a']), id: '0', weights: ['enc.0.weight'] },
    { node: node('Softmax', ['a'], ['b']), id: '1', weights: [] },
  ]
  placed[0]!.node.name = '/head/conv'
  const chosen = (...patterns: (string | RegExp)[]) =>
    placed.filter(chooseNodes(patterns, placed, '--keep')).map(({ id }) => id)
  test.each([
    ['/head/conv', ['0']],
    ['Softmax', ['1']],
    ['b', ['1']],
    ['#0', ['0']],
    ['enc.0.weight', ['0']],
    ['/^enc\\./', ['0']],
    ['/^.head/', ['0']],
    [/HEAD/i, ['0']],
    ['/./', ['0', '1']],
  ])('%s', (pattern, ids) => expect(chosen(pattern)).toEqual(ids))
  test('what matches nothing is an error that names the nearest', () => {
    expect(() => chosen('Sofmax')).toThrow('--keep Sofmax: matches no node; did you mean "Softmax"?')
    expect(() => chosen('/nowhere/')).toThrow('--keep /nowhere/: matches no node')
    expect(() => chosen('/(/')).toThrow('--keep /(/: is no regular expression')
    expect(() => chosen({} as RegExp)).toThrow('--keep: {} is no name')
  })
})
