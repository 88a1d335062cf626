import { closeSync, fstatSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { clearField, equals, fromBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { floatsOf, setFloats } from '../../../src/onnx/floats.ts'
import { type ModelProto, ModelProtoSchema, TensorProtoSchema } from '../../../src/onnx/gen/onnx_pb.ts'
import { rawDataOf } from '../../../src/onnx/left.ts'
import { encodeModel, modelIn, readModel } from '../../../src/onnx/model.ts'
import { tensorSource } from '../../../src/onnx/tensors.ts'
import { writeModel } from '../../../src/onnx/write.ts'
import { toHalfBits } from '../../../src/precision/round.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { inline, modelWith } from '../../helpers/external.ts'
import { repo, temporaryFolder } from '../../helpers/files.ts'
import { noise } from '../../helpers/graph.ts'

/** Reads a model of which all raw data from `least` bytes on stay in the file. */
function readLeaving(path: string, least: number): ModelProto {
  const file = openSync(path, 'r')
  try {
    return modelIn(file, fstatSync(file), least, path)
  } finally {
    closeSync(file)
  }
}
const leftIn = (model: ModelProto) =>
  model.graph!.initializer.filter(tensor => !((rawDataOf(tensor) ?? new Uint8Array()) instanceof Uint8Array))

const models = [
  join(repo, 'models/pocket/pocket.onnx'),
  join(repo, 'fixtures/tiny/tiny.onnx'),
  ...readdirSync(join(repo, 'fixtures/edges'))
    .filter(name => name.endsWith('.onnx'))
    .map(name => join(repo, 'fixtures/edges', name)),
]

describe('a model whose large weights stay in its file', () => {
  test('is the same model, whatever counts as large', () => {
    let left = 0
    for (const path of models)
      for (const least of [1, 100, 5000]) {
        const model = readLeaving(path, least)
        left += leftIn(model).length
        const whole = fromBinary(ModelProtoSchema, new Uint8Array(readFileSync(path)))
        expect(equals(ModelProtoSchema, model, whole), path).toBe(true)
      }
    expect(left).toBeGreaterThan(100)
  })

  test('written in parts, with unknown fields, and weights of all sizes in between, keeps all and their order', () => {
    const weights = [3, 400, 5, 600, 700, 2].map((length, i) => inline(`w${i}`, noise(length)))
    const model = modelWith(weights)
    const unknown = { no: 999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }
    for (const message of [model, model.graph!, ...weights]) message.$unknown = [unknown]
    const path = join(temporaryFolder(), 'm.onnx')
    writeFileSync(path, Buffer.concat(encodeModel(model)))
    const read = readLeaving(path, 1000)
    expect(leftIn(read).map(({ name }) => name)).toEqual(['w1', 'w3', 'w4'])
    expect(equals(ModelProtoSchema, read, model)).toBe(true)
    expect(Buffer.concat(encodeModel(read))).toEqual(readFileSync(path))
    expect(leftIn(read)).toHaveLength(3)
  })

  const million = noise(300_000)
  const large = () => {
    const path = join(temporaryFolder(), 'm.onnx')
    writeFileSync(path, Buffer.concat(encodeModel(modelWith([inline('w', million), inline('b', noise(9))]))))
    const model = readModel(path)
    return { path, model, weight: model.graph!.initializer[0]! }
  }

  test('gives its values, whole and in parts', () => {
    const { path, model, weight } = large()
    expect(leftIn(model)).toEqual([weight])
    expect(floatsOf(weight, path)).toEqual(million)
    expect(toHalfBits(tensorSource(weight, path))).toEqual(toHalfBits(million))
  })

  test('may be given others', () => {
    const { path, model, weight } = large()
    setFloats(
      weight,
      Float32Array.from(million, value => value + 1),
    )
    expect(floatsOf(weight, path)![5]).toBe(Math.fround(million[5]! + 1))
    expect(leftIn(model)).toEqual([])
    const other = large()
    clearField(other.weight, TensorProtoSchema.field.rawData)
    expect(rawDataOf(other.weight)).toBeUndefined()
    other.weight.rawData = Uint8Array.of(1)
    expect(rawDataOf(other.weight)).toEqual(Uint8Array.of(1))
  })

  test.each([true, 'auto'] as const)(
    'is written from there, external: %s, and is left as it was',
    external => {
      const { path, model, weight } = large()
      const copy = join(temporaryFolder(), 'copy.onnx')
      writeModel(copy, model, { from: path, external })
      expect(leftIn(model)).toEqual([weight])
      expect(floatsOf(readModel(copy).graph!.initializer[0]!, copy)).toEqual(million)
    },
  )

  test('is refused once the file is another', () => {
    const { path, weight } = large()
    writeFileSync(path, 'x')
    for (const use of [() => weight.rawData, () => toHalfBits(tensorSource(weight, path))])
      expect(errorOf(use).message).toBe(`${path}: changed while it was in use. Start again`)
    rmSync(path)
    expect(errorOf(() => weight.rawData).message).toMatch(/m\.onnx: can no longer be opened/)
  })
})
