import { closeSync, mkdirSync, openSync, symlinkSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf, setFloats } from '../../../src/onnx/floats.ts'
import {
  FunctionProtoSchema,
  SparseTensorProtoSchema,
  TensorProtoSchema,
  TensorProto_DataType as Type,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { isExternal, tensorBytes, tensorsOf } from '../../../src/onnx/tensors.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { elsewhere, inline, modelWith, writeNumbers } from '../../helpers/external.ts'
import { temporaryFolder } from '../../helpers/files.ts'

/** A folder with a model file and 100 numbers in `w.bin`. */
function place() {
  const folder = temporaryFolder()
  const path = join(folder, 'm.onnx')
  writeFileSync(path, '')
  return { folder, path, numbers: writeNumbers(folder, 'w.bin', 100) }
}

describe('external data', () => {
  test('are read from their range, or from the whole file where none is given', () => {
    const { path, numbers } = place()
    const part = elsewhere('w', 3, { location: 'w.bin', offset: '40', length: '12' })
    expect(floatsOf(part, path)).toEqual(Float32Array.of(11, 12, 13))
    expect(floatsOf(elsewhere('w', 100, { location: 'w.bin' }), path)).toEqual(numbers)
    expect(tensorBytes(part, path)).toEqual(new Uint8Array(Float32Array.of(11, 12, 13).buffer))
  })

  test('beyond 4 GiB in a file are found', () => {
    const { folder, path } = place()
    const file = join(folder, 'huge.bin')
    const offset = 5 * 2 ** 30 + 4
    writeFileSync(file, '')
    // a hole: it takes no room on the disk
    truncateSync(file, offset)
    const open = openSync(file, 'r+')
    writeSync(open, new Uint8Array(Float32Array.of(7, 8).buffer), 0, 8, offset)
    closeSync(open)
    const range = { location: 'huge.bin', offset: String(offset), length: '8' }
    expect(floatsOf(elsewhere('w', 2, range), path)).toEqual(Float32Array.of(7, 8))
  })

  test('are let go when a tensor is given others', () => {
    const { path } = place()
    const tensor = elsewhere('w', 1, { location: 'w.bin' })
    setFloats(tensor, Float32Array.of(5))
    expect(isExternal(tensor)).toBe(false)
    expect(tensor.externalData).toEqual([])
    expect(floatsOf(tensor, path)).toEqual(Float32Array.of(5))
  })

  test.each<[string, Record<string, string>, RegExp]>([
    ['in no file', {}, /the weight w lies in "", outside the model's folder\. Export it/],
    ['in an absolute place', { location: '/etc/hostname' }, /"\/etc\/hostname", outside the model's folder/],
    ['on a drive', { location: 'C:\\w.bin' }, /outside the model's folder/],
    ['above the folder', { location: 'a/../../w.bin' }, /outside the model's folder/],
    ['above the folder, with backslashes', { location: '..\\w.bin' }, /outside the model's folder/],
    ['in a folder', { location: '.' }, /which is no file/],
    ['nowhere', { location: 'gone.bin' }, /gone\.bin does not exist\. Put it there/],
    ['in a pointer', { location: 'lfs.bin' }, /"lfs\.bin", which is a Git LFS pointer, .*git lfs pull/],
    [
      'past the end',
      { location: 'w.bin', offset: '396' },
      /ends at byte 408 of "w\.bin", which has 400: it was cut/,
    ],
    [
      'too short',
      { location: 'w.bin', length: '8' },
      /has 8 bytes in "w\.bin", and its shape \[3\] .* need 12/,
    ],
    [
      'at a negative place',
      { location: 'w.bin', offset: '-4' },
      /the offset "-4", which is no number of bytes/,
    ],
    ['of unreadable length', { location: 'w.bin', length: '0x0c' }, /the length "0x0c", which is no number/],
  ])('%s are an error that names the model and the weight', (_, entries, message) => {
    const { folder, path } = place()
    writeFileSync(join(folder, 'lfs.bin'), 'version https://git-lfs.github.com/spec/v1\n')
    const { code, message: text } = errorOf(() => floatsOf(elsewhere('w', 3, entries), path))
    expect(code).toBe('onnx')
    expect(text.startsWith(`${path}: the weight w `)).toBe(true)
    expect(text).toMatch(message)
  })

  test('behind a link must stay in the folder of the model, or of what the model links to', () => {
    const { folder, path } = place()
    const cache = place()
    mkdirSync(join(folder, 'sub'))
    writeNumbers(join(folder, 'sub'), 'w.bin', 2)
    symlinkSync(join(folder, 'sub/w.bin'), join(folder, 'inside.bin'))
    symlinkSync(join(cache.folder, 'w.bin'), join(folder, 'outside.bin'))
    symlinkSync(cache.path, join(folder, 'link.onnx'))
    expect(floatsOf(elsewhere('w', 2, { location: 'inside.bin' }), path)).toEqual(Float32Array.of(1, 2))
    const outside = elsewhere('w', 100, { location: 'outside.bin' })
    expect(() => floatsOf(outside, path)).toThrow(
      /"outside\.bin", a link to .*w\.bin, outside the model's folder/,
    )
    expect(floatsOf(outside, join(folder, 'link.onnx'))).toEqual(cache.numbers)
  })
})

describe('the bytes of a tensor', () => {
  test.each<[string, object, ArrayLike<number>]>([
    ['float_data', { dataType: Type.FLOAT, floatData: [1.5, -2] }, bytes(Float32Array.of(1.5, -2))],
    ['double_data', { dataType: Type.DOUBLE, doubleData: [0.1, 2] }, bytes(Float64Array.of(0.1, 2))],
    ['int32_data', { dataType: Type.INT32, int32Data: [-1, 7] }, bytes(Int32Array.of(-1, 7))],
    ['halves in int32_data', { dataType: Type.FLOAT16, int32Data: [15360, 0x8001] }, [0, 0x3c, 1, 0x80]],
    [
      'bfloat16 in int32_data',
      { dataType: Type.BFLOAT16, int32Data: [16256, 49216] },
      [0x80, 0x3f, 0x40, 0xc0],
    ],
    ['int8 in int32_data', { dataType: Type.INT8, int32Data: [-1, 2] }, [255, 2]],
    ['bool in int32_data', { dataType: Type.BOOL, int32Data: [1, 0] }, [1, 0]],
    ['pairs of int4 in int32_data', { dataType: Type.INT4, dims: [3n], int32Data: [0x21, 3] }, [0x21, 3]],
    ['int64_data', { dataType: Type.INT64, int64Data: [-1n, 3n] }, bytes(BigInt64Array.of(-1n, 3n))],
    ['uint64_data', { dataType: Type.UINT64, uint64Data: [1n, 3n] }, bytes(BigUint64Array.of(1n, 3n))],
    [
      'uint32 in uint64_data',
      { dataType: Type.UINT32, uint64Data: [4294967295n, 3n] },
      bytes(Uint32Array.of(2 ** 32 - 1, 3)),
    ],
    ['raw data', { dataType: Type.UINT8, rawData: Uint8Array.of(4, 5) }, [4, 5]],
    ['nothing, where a length is 0', { dataType: Type.FLOAT, dims: [2n, 0n] }, []],
  ])('are taken from %s', (_, init, expected) => {
    const tensor = create(TensorProtoSchema, { name: 'w', dims: [2n], ...init })
    expect([...tensorBytes(tensor, 'm.onnx')]).toEqual([...(expected as number[])])
  })

  test('are refused where they do not fit the shape, and for text', () => {
    const short = create(TensorProtoSchema, {
      dims: [2n, 2n],
      dataType: Type.FLOAT,
      rawData: new Uint8Array(12),
    })
    expect(errorOf(() => tensorBytes(short, 'm.onnx')).message).toBe(
      'm.onnx: a weight without a name has 12 bytes, and its shape [2,2] of FLOAT needs 16. Export the model again',
    )
    const text = create(TensorProtoSchema, { name: 't', dims: [1n], dataType: Type.STRING })
    expect(() => tensorBytes(text, 'm.onnx')).toThrow(/the weight t is of type STRING, which has no numbers/)
  })

  test('of all types have the length that ONNX gives them', () => {
    const needed = (dataType: Type) => {
      const rawData = new Uint8Array(1)
      const { message } = errorOf(() =>
        tensorBytes(create(TensorProtoSchema, { dims: [8n], dataType, rawData }), 'm.onnx'),
      )
      return Number(/needs (\d+)/.exec(message)?.[1])
    }
    const types = Object.values(Type).filter(type => typeof type === 'number')
    expect(Object.fromEntries(types.map(type => [Type[type], needed(type)]))).toEqual({
      ...{ UNDEFINED: Number.NaN, STRING: Number.NaN, FLOAT: 32, DOUBLE: 64, FLOAT16: 16, BFLOAT16: 16 },
      ...{ COMPLEX64: 64, COMPLEX128: 128, BOOL: 8, FLOAT4E2M1: 4, FLOAT6E2M3: 6, FLOAT6E3M2: 6 },
      ...{ FLOAT8E4M3FN: 8, FLOAT8E4M3FNUZ: 8, FLOAT8E5M2: 8, FLOAT8E5M2FNUZ: 8, FLOAT8E8M0: 8 },
      ...{ INT64: 64, INT32: 32, INT16: 16, INT8: 8, INT4: 4, INT2: 2 },
      ...{ UINT64: 64, UINT32: 32, UINT16: 16, UINT8: 8, UINT4: 4, UINT2: 2 },
    })
  })
})

test('every tensor of a model is visited: initialisers, sparse ones, bodies, Constant nodes, functions', () => {
  const [a, b, c, d, e, f, g] = [...'abcdefg'].map(name => inline(name, Float32Array.of(1)))
  const model = modelWith([a!], b, c)
  const [branch] = modelWith([], d).graph!.node
  const constant = modelWith([], undefined, e).graph!.node[0]!.attribute[0]!.g!.node
  model.functions = [create(FunctionProtoSchema, { node: [branch!, ...constant] })]
  model.graph!.sparseInitializer = [create(SparseTensorProtoSchema, { values: f!, indices: g! })]
  expect(new Set(tensorsOf(model))).toEqual(new Set([a, b, c, d, e, f, g]))
  expect([...tensorsOf(model)]).toHaveLength(7)
})

function bytes(values: { buffer: ArrayBufferLike }): Uint8Array {
  return new Uint8Array(values.buffer)
}
