import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { sha256File } from '../../../src/base/files.ts'
import { floatsOf, setFloats } from '../../../src/onnx/floats.ts'
import {
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../../../src/onnx/gen/onnx_pb.ts'
import { hashOnnx } from '../../../src/onnx/hash.ts'
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
    ['empty', path => writeFileSync(path, ''), /m\.onnx: holds no graph/],
    ['text', path => writeFileSync(path, 'version https://git-lfs'), /m\.onnx: is no ONNX model/],
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
    expect([...floatsOf(tensor({ rawData: bytes.subarray(1) }), 'f')!]).toEqual([1.5, -0, Number.NaN])
    expect([...floatsOf(tensor({ floatData: [2.5, 3] }), 'f')!]).toEqual([2.5, 3])
    expect(floatsOf(tensor({ dataType: TensorProto_DataType.INT64, int64Data: [1n] }), 'f')).toBeUndefined()
  })
  test('are put back as raw data', () => {
    const changed = tensor({ floatData: [1, 2] })
    setFloats(changed, Float32Array.of(3, 4))
    expect(changed.floatData).toEqual([])
    expect([...floatsOf(changed, 'f')!]).toEqual([3, 4])
  })
  test('in external data are refused with the way out', () => {
    expect(() => floatsOf(tensor({ dataLocation: TensorProto_DataLocation.EXTERNAL }), 'big.onnx')).toThrow(
      /big\.onnx: the weight w is in external data/,
    )
  })
})

describe('the hash of a model', () => {
  const external = (location: string, folder: string) => {
    const model = readModel(tiny)
    const weight = model.graph!.initializer[0]!
    weight.dataLocation = TensorProto_DataLocation.EXTERNAL
    weight.externalData = [create(StringStringEntryProtoSchema, { key: 'location', value: location })]
    writeFileSync(join(folder, 'm.onnx'), Buffer.concat(encodeModel(model)))
    return join(folder, 'm.onnx')
  }

  test('is that of its file, whatever lies beside it', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'm.onnx')
    writeFileSync(path, readFileSync(tiny))
    writeFileSync(`${path}.notes.txt`, 'x')
    expect(hashOnnx(path)).toBe(sha256File(tiny))
  })

  test('covers the external data that it names', () => {
    const folder = temporaryFolder()
    const path = external('weights.bin', folder)
    const hashes = ['a', 'b'].map(text => {
      writeFileSync(join(folder, 'weights.bin'), text)
      return hashOnnx(path)
    })
    expect(new Set([...hashes, sha256File(path)]).size).toBe(3)
  })

  test.each(['../weights.bin', '/etc/passwd', 'a/../../b', ''])(
    'refuses data at %j, outside the folder',
    location => {
      expect(() => hashOnnx(external(location, temporaryFolder()))).toThrow(
        /m\.onnx: the weight features\.weight lies in .* outside the model's folder/,
      )
    },
  )

  test('names data that are missing', () => {
    expect(() => hashOnnx(external('gone.bin', temporaryFolder()))).toThrow(/gone\.bin: does not exist/)
  })
})
