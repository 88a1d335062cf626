import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { toBinary } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { sha256File } from '../../../src/base/files.ts'
import { externalRange } from '../../../src/onnx/external.ts'
import { floatsOf } from '../../../src/onnx/floats.ts'
import { type ModelProto, ModelProtoSchema } from '../../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, largestMessage, readModel } from '../../../src/onnx/model.ts'
import { isExternal, tensorsOf } from '../../../src/onnx/tensors.ts'
import { inlineSize, writeModel } from '../../../src/onnx/write.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { elsewhere, inline, modelWith, writeNumbers } from '../../helpers/external.ts'
import { repo, temporaryFolder } from '../../helpers/files.ts'

const tiny = join(repo, 'fixtures/tiny/tiny.onnx')
const count = 3000
const numbers = (first: number, length = count) => Float32Array.from({ length }, (_, i) => first + i)
const valuesOf = (model: ModelProto, path: string) =>
  Object.fromEntries([...tensorsOf(model)].map(tensor => [tensor.name, floatsOf(tensor, path)]))
const placeOf = (tensor: ReturnType<typeof elsewhere>) =>
  Object.fromEntries(tensor.externalData.map(({ key, value }) => [key, value]))
const dataFiles = (folder: string) => readdirSync(folder).filter(name => name.endsWith('.data'))

/** A model in a folder of its own, of which every kind of tensor lies in `w.bin`, and one does not. */
function source() {
  const folder = temporaryFolder()
  writeNumbers(folder, 'w.bin', 4 * count)
  const part = (name: string, first: number, length = count) =>
    elsewhere(name, length, {
      location: 'w.bin',
      offset: String(4 * (first - 1)),
      length: String(4 * length),
    })
  const from = join(folder, 'from.onnx')
  const top = [part('top', 5), part('small', 9, 2), inline('own', numbers(-7)), inline('bias', numbers(0, 3))]
  const model = modelWith(top, part('inner', 50), part('constant', 500))
  writeFileSync(from, Buffer.concat(encodeModel(model)))
  const values = {
    ...{ top: numbers(5), small: numbers(9, 2), own: numbers(-7), bias: numbers(0, 3) },
    ...{ inner: numbers(50), constant: numbers(500) },
  }
  return { from, model: readModel(from), values }
}

describe('writing a model', () => {
  test('as one file takes in what lay in external data, and leaves the model alone', () => {
    const { from, model, values } = source()
    const before = toBinary(ModelProtoSchema, model)
    const folder = join(temporaryFolder(), 'new')
    const path = join(folder, 'm.onnx')
    expect(writeModel(path, model, { from })).toEqual([path])
    expect(readdirSync(folder)).toEqual(['m.onnx'])
    const written = readModel(path)
    expect([...tensorsOf(written)].filter(isExternal)).toEqual([])
    expect(valuesOf(written, path)).toEqual(values)
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test('with external data moves what is large, aligned to pages, under the name of its content', () => {
    const { from, model, values } = source()
    const before = toBinary(ModelProtoSchema, model)
    const folder = temporaryFolder()
    const path = join(folder, 'm.onnx')
    const files = writeModel(path, model, { from, external: true })
    const [data] = dataFiles(folder)
    expect(files).toEqual([path, join(folder, data!)])
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', data])
    expect(data).toBe(`m.onnx.${sha256File(join(folder, data!)).slice(0, 16)}.data`)
    const written = readModel(path)
    expect(valuesOf(written, path)).toEqual(values)
    const moved = [...tensorsOf(written)].filter(isExternal)
    expect(moved.map(({ name }) => name)).toEqual(['top', 'own', 'inner', 'constant'])
    expect(moved.map(placeOf)).toEqual(
      [0, 1, 2, 3].map(i => ({ location: data, offset: String(i * 3 * 4096), length: String(4 * count) })),
    )
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test.each([true, 'auto'] as const)(
    'keeps unknown fields and gives the same bytes twice, external: %s',
    external => {
      const { from, model } = source()
      const unknown = { no: 999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }
      for (const message of [model, model.graph!, ...tensorsOf(model)]) message.$unknown = [unknown]
      const folder = temporaryFolder()
      const path = join(folder, 'm.onnx')
      const all = () => readdirSync(folder).map(name => [name, sha256File(join(folder, name))])
      writeModel(path, model, { from, external })
      const first = all()
      const written = readModel(path)
      for (const message of [written, written.graph!, ...tensorsOf(written)])
        expect(message.$unknown).toEqual([unknown])
      // from what was just written, over itself
      writeModel(path, written, { from: path, external })
      expect(all()).toEqual(first)
    },
  )

  test('the file is what encodeModel gives, where nothing is external', () => {
    const path = join(temporaryFolder(), 'm.onnx')
    writeModel(path, readModel(tiny), { from: tiny })
    expect(readFileSync(path)).toEqual(Buffer.concat(encodeModel(readModel(tiny))))
  })

  test('with external data writes none where all tensors are small', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'm.onnx')
    writeModel(path, modelWith([inline('w', numbers(1, 9))]), { from: path, external: true })
    expect(readdirSync(folder)).toEqual(['m.onnx'])
  })

  test('over an older pair removes its data and no other file', () => {
    const { from, model, values } = source()
    const folder = temporaryFolder()
    const path = join(folder, 'm.onnx')
    const others = ['m.onnx.0123456789abcdef.data', 'other.onnx.data', 'm.onnx.notes.data']
    for (const name of others) writeFileSync(join(folder, name), 'x')
    writeModel(path, model, { from, external: true })
    const [old] = dataFiles(folder).filter(name => !others.includes(name))
    model.graph!.initializer.pop()
    model.graph!.initializer.reverse()
    writeModel(path, model, { from, external: true })
    const [data] = dataFiles(folder).filter(name => !others.includes(name))
    expect(data).not.toBe(old)
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', data, ...others].sort())
    const { bias, ...kept } = values
    expect(valuesOf(readModel(path), path)).toEqual(kept)
    writeModel(path, model, { from })
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', ...others].sort())
  })

  test.each([true, 'auto'] as const)(
    'that fails leaves what stood there, and nothing else, external: %s',
    external => {
      const { from, model } = source()
      const folder = temporaryFolder()
      mkdirSync(join(folder, 'm.onnx'))
      const { code, message } = errorOf(() => writeModel(join(folder, 'm.onnx'), model, { from, external }))
      expect(code).toBe('write')
      expect(message).toMatch(/m\.onnx: cannot be written \(.*\); what stood there before is unchanged$/)
      expect(readdirSync(folder, { recursive: true })).toEqual(['m.onnx'])
    },
  )

  test('the .onnx is in place only after its data', () => {
    const { from, model } = source()
    const [folder, other] = [temporaryFolder(), temporaryFolder()]
    writeModel(join(other, 'm.onnx'), model, { from, external: true })
    // where the data have to go there is a folder
    mkdirSync(join(folder, dataFiles(other)[0]!))
    const path = join(folder, 'm.onnx')
    writeFileSync(path, 'old')
    expect(errorOf(() => writeModel(path, model, { from, external: true })).code).toBe('write')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(readdirSync(folder).sort()).toEqual(['m.onnx', ...dataFiles(other)])
  })

  test('whose data are not all there writes nothing', () => {
    const { from, model } = source()
    truncateSync(join(from, '../w.bin'), 5000)
    const path = join(temporaryFolder(), 'new/m.onnx')
    expect(errorOf(() => writeModel(path, model, { from })).message).toMatch(
      /from\.onnx: the weight top ends at byte 12016 of "w\.bin", which has 5000/,
    )
    expect(readdirSync(join(path, '../..'))).toEqual([])
  })

  test('knows that more than 2 GiB do not go into one file', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'w.bin'), '')
    truncateSync(join(folder, 'w.bin'), 2 ** 31)
    const size = (bytes: number) => {
      const tensor = elsewhere('w', bytes / 4, { location: 'w.bin' })
      const ranges = new Map([[tensor, externalRange(tensor, bytes, join(folder, 'm.onnx'))]])
      return inlineSize(modelWith([tensor]), ranges)
    }
    expect(size(2 ** 31)).toBeGreaterThan(largestMessage)
    expect(size(2 ** 31 - 4096)).toBeLessThan(largestMessage)
  })
})

test('a process that is killed while it writes leaves one whole model or the other', async () => {
  const folder = temporaryFolder()
  const path = join(folder, 'm.onnx')
  const child = join(repo, 'test/helpers/write-forever.ts')
  for (let kill = 0; kill < 5; kill++) {
    const writer = spawn(process.execPath, ['--import', 'jiti/register', child, tiny, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(writer.stdout, 'data')
    await new Promise(done => setTimeout(done, 10 * kill))
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    const { w } = valuesOf(readModel(path), path)
    expect([1, 2]).toContain(w![0])
    expect(new Set(w).size).toBe(1)
  }
}, 60_000)
