import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf } from '../../../src/onnx/floats.ts'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { emulate } from '../../../src/precision/emulate.ts'
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
const named = (...names: string[]) => names.map(name => create(ValueInfoProtoSchema, { name }))

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
const float = () => 'float32'
const shape = (made: ModelProto) =>
  made.graph!.node.map(({ opType, input, output }) => `${opType}(${input}) -> ${output}`)

describe('emulating a format', () => {
  test('rounds inputs, results and weights, and leaves names that others see as they are', () => {
    const made = model(
      [node('Mul', ['x', 'w'], ['h']), node('Add', ['h', 'x'], ['y'])],
      [weight('w', [1 + 2 ** -11, 1e6])],
    )
    expect(emulate(made, 'fp16', float, 'm.onnx')).toEqual({ tensors: 3, weights: 2, clamped: 1, flushed: 0 })
    expect(shape(made)).toEqual([
      'Cast(x) -> x/as-fp16',
      'Cast(x/as-fp16) -> x/fp16',
      'Mul(x/fp16,w) -> h/exact',
      'Cast(h/exact) -> h/exact/as-fp16',
      'Cast(h/exact/as-fp16) -> h',
      'Add(h,x/fp16) -> y/exact',
      'Cast(y/exact) -> y/exact/as-fp16',
      'Cast(y/exact/as-fp16) -> y',
    ])
    expect([...floatsOf(made.graph!.initializer[0]!, 'm')!]).toEqual([1, 65504])
  })

  test('does not round again what is exact, what is no float, and what must stay float32', () => {
    const made = model(
      [node('Shape', ['x'], ['s']), node('Relu', ['x'], ['r']), node('Resize', ['r', '', 'scales'], ['y'])],
      [weight('scales', [1, 1, 1.7, 1.7])],
    )
    const types: Record<string, string> = { s: 'int64' }
    expect(emulate(made, 'bf16', name => types[name] ?? 'float32', 'm.onnx')).toMatchObject({
      tensors: 2,
      weights: 0,
    })
    expect(shape(made).filter(line => !line.startsWith('Cast'))).toEqual([
      'Shape(x/bf16) -> s',
      'Relu(x/bf16) -> r',
      'Resize(r,,scales) -> y/exact',
    ])
    expect([...floatsOf(made.graph!.initializer[0]!, 'm')!][2]).toBe(Math.fround(1.7))
  })

  test('reaches what a body captures from outside', () => {
    const body = create(GraphProtoSchema, {
      node: [node('Identity', ['x'], ['inner'])],
      output: named('inner'),
    })
    const branch = node('If', ['c'], ['y'])
    branch.attribute = [
      create(AttributeProtoSchema, {
        name: 'then_branch',
        type: AttributeProto_AttributeType.GRAPH,
        g: body,
      }),
    ]
    const made = model([branch], [], ['c', 'x'])
    emulate(made, 'fp16', name => (name === 'c' ? 'bool' : 'float32'), 'm.onnx')
    expect(body.node[0]!.input).toEqual(['x/fp16'])
  })

  test('a tensor of unknown type is an error, not a guess', () => {
    expect(() => emulate(model([node('Custom', ['x'], ['y'])]), 'fp16', () => undefined, 'm.onnx')).toThrow(
      /m\.onnx: the type of the tensor y \(Custom\) is unknown/,
    )
  })

  test('a model that is reduced already is refused', () => {
    const half = create(TensorProtoSchema, { name: 'w', dataType: TensorProto_DataType.FLOAT16 })
    expect(() => emulate(model([node('Add', ['x', 'w'], ['y'])], [half]), 'fp16', float, 'm.onnx')).toThrow(
      /m\.onnx: is in a reduced precision already \(w\)/,
    )
    const once = model([node('Add', ['x', 'x'], ['y'])])
    emulate(once, 'fp16', float, 'm.onnx')
    expect(() => emulate(once, 'fp16', float, 'm.onnx')).toThrow(/is in a reduced precision already/)
  })

  test('bfloat16 needs opset 13', () => {
    const old = model([node('Add', ['x', 'x'], ['y'])])
    old.opsetImport[0]!.version = 12n
    expect(() => emulate(old, 'bf16', float, 'm.onnx')).toThrow(/opset 12 has no bfloat16/)
  })
})
