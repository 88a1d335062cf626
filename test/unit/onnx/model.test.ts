import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf, setFloats } from '../../../src/onnx/floats.ts'
import { ModelProtoSchema, TensorProto_DataType, TensorProtoSchema } from '../../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, readModel } from '../../../src/onnx/model.ts'
import { eachNode, opsetOf } from '../../../src/onnx/nodes.ts'
import { repo, temporaryFolder } from '../../helpers/files.ts'

const tiny = join(repo, 'fixtures/tiny/tiny.onnx')
const written = (model: ReturnType<typeof readModel>) =>
  fromBinary(ModelProtoSchema, new Uint8Array(Buffer.concat(encodeModel(model))))

describe('a model', () => {
  test('comes back as it was, fields that this version does not know included', () => {
    const model = readModel(tiny)
    const unknown = { no: 999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }
    model.$unknown = [unknown]
    model.graph!.$unknown = [unknown]
    model.graph!.initializer[0]!.$unknown = [unknown]
    const before = toBinary(ModelProtoSchema, model)
    const after = written(model)
    expect(equals(ModelProtoSchema, after, fromBinary(ModelProtoSchema, before))).toBe(true)
    expect(after.graph!.$unknown).toEqual([unknown])
    expect(after.graph!.initializer[0]!.$unknown).toEqual([unknown])
    // and encoding has left the model itself alone
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test('weights are not copied', () => {
    const model = readModel(tiny)
    const { rawData } = model.graph!.initializer[0]!
    expect(
      encodeModel(model).some(
        piece => piece.buffer === rawData.buffer && piece.byteOffset === rawData.byteOffset,
      ),
    ).toBe(true)
  })

  test('tells its opset and walks its nodes', () => {
    const model = readModel(tiny)
    const seen: string[] = []
    eachNode(model.graph!, node => seen.push(node.opType))
    expect(opsetOf(model)).toBe(17)
    expect(seen).toContain('Conv')
  })

  test.each<[string, (path: string) => void, RegExp]>([
    ['missing', () => {}, /m\.onnx: there is no such file/],
    ['a folder', path => mkdirSync(path), /m\.onnx: is a folder, not a file/],
    ['empty', path => writeFileSync(path, ''), /m\.onnx: holds no graph/],
    ['text', path => writeFileSync(path, 'onnx'), /m\.onnx: is no ONNX model, or is cut short/],
    [
      'a Git LFS pointer',
      path => writeFileSync(path, 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 132\n'),
      /m\.onnx: is no ONNX model, it looks like a Git LFS pointer, not the file itself \(run: git lfs pull; .*`lfs: true`/,
    ],
    [
      'cut short',
      path => writeFileSync(path, readFileSync(tiny).subarray(0, 1000)),
      /m\.onnx: is no ONNX model, or is cut short/,
    ],
  ])('that is %s is told by name', (_name, make, message) => {
    const path = join(temporaryFolder(), 'm.onnx')
    make(path)
    expect(() => readModel(path)).toThrow(message)
  })
})

describe('the floats of a tensor', () => {
  const tensor = (init: object) =>
    create(TensorProtoSchema, { name: 'w', dataType: TensorProto_DataType.FLOAT, ...init })
  test('are found in raw data at any offset, and in float_data', () => {
    const bytes = new Uint8Array(13)
    bytes.set(new Uint8Array(Float32Array.of(1.5, -0, Number.NaN).buffer), 1)
    expect([...floatsOf(tensor({ dims: [3n], rawData: bytes.subarray(1) }), 'f')!]).toEqual([
      1.5,
      -0,
      Number.NaN,
    ])
    expect([...floatsOf(tensor({ dims: [2n], floatData: [2.5, 3] }), 'f')!]).toEqual([2.5, 3])
    expect(floatsOf(tensor({ dataType: TensorProto_DataType.INT64, int64Data: [1n] }), 'f')).toBeUndefined()
  })
  test('are put back as raw data', () => {
    const changed = tensor({ dims: [2n], floatData: [1, 2] })
    setFloats(changed, Float32Array.of(3, 4))
    expect(changed.floatData).toEqual([])
    expect([...floatsOf(changed, 'f')!]).toEqual([3, 4])
  })
  test('are a view of aligned raw data, not a copy', () => {
    const rawData = new Uint8Array(Float32Array.of(9, 1, 2).buffer).subarray(4)
    const floats = floatsOf(tensor({ dims: [2n], rawData }), 'f')!
    expect([...floats]).toEqual([1, 2])
    expect(floats.buffer).toBe(rawData.buffer)
  })
})
