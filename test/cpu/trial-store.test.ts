import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { sha256 } from '../../src/base/files.ts'
import { TrialStore } from '../../src/explain/store.ts'
import { makeReduced } from '../../src/gate/make-variant.ts'
import { hashOnnx } from '../../src/onnx/hash.ts'
import { readModel } from '../../src/onnx/model.ts'
import { tensorBytes } from '../../src/onnx/tensors.ts'
import { writeModel } from '../../src/onnx/write.ts'
import { temporaryFolder } from '../helpers/files.ts'
import { modelOf, nodeOf, noise } from '../helpers/graph.ts'

const side = 520

/** Three products with weights of 1.1 MB each, and a small one. */
function source(external: boolean): string {
  const weight = (seed: number) => ({ dims: [side, side], values: [...noise(side * side, seed)] })
  const model = modelOf(18, {
    nodes: [
      nodeOf('MatMul', ['x', 'a'], ['p'], {}, { name: 'first' }),
      nodeOf('MatMul', ['p', 'b'], ['q'], {}, { name: 'second' }),
      nodeOf('Add', ['q', 'c'], ['r'], {}, { name: 'sum' }),
      // the first one again: where one of the two is kept, both forms of the weight are needed
      nodeOf('MatMul', ['r', 'a'], ['y'], {}, { name: 'third' }),
    ],
    inputs: [{ name: 'x', shape: [1, side] }],
    outputs: [{ name: 'y', shape: [1, side] }],
    weights: { a: weight(1), b: weight(2), c: { dims: [side], values: [...noise(side, 3)] } },
  })
  for (const tensor of model.graph!.initializer) {
    tensor.rawData = new Uint8Array(Float32Array.from(tensor.floatData).buffer)
    tensor.floatData = []
  }
  const path = join(temporaryFolder(), 'net.onnx')
  writeModel(path, model, { from: path, ...(external && { external: true as const }) })
  return path
}

async function run(path: string) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 })
  const { y } = await session.run({ x: new ort.Tensor('float32', noise(side, 9), [1, side]) })
  await session.release()
  return sha256(new Uint8Array((y!.data as Float32Array).buffer))
}

const contents = (path: string) =>
  readModel(path).graph!.initializer.map(tensor => [
    tensor.name,
    tensor.dataType,
    sha256(tensorBytes(tensor, path)),
  ])

const parent = () => join(temporaryFolder(), '.depthgate/mend')

describe.each([false, true])('networks of a source with external data: %s', external => {
  test.each(['native', 'emulated'] as const)(
    '%s: each is what it would be with weights of its own, to the bit, and small',
    async arithmetic => {
      const onnx = source(external)
      const store = new TrialStore(parent())
      const folder = () => join(written[0]!, '..')
      const written: string[] = []
      const files: string[][] = []
      for (const keep of [[], ['third'], ['first', 'third'], []]) {
        const made = async (round?: TrialStore['round']) =>
          (await makeReduced(onnx, 'fp16', arithmetic, { keep }, round)).model
        const path = store.write(await made(store.round), onnx)
        written.push(path)
        files.push(
          (readdirSync(folder(), { recursive: true }) as string[]).filter(name => /[0-9]$|data$/.test(name)),
        )
        const own = join(temporaryFolder(), 'own.onnx')
        writeModel(own, await made(), { from: onnx })
        expect(contents(path)).toEqual(contents(own))
        expect(await run(path)).toEqual(await run(own))
        expect(statSync(path).size).toBeLessThan(8000)
      }
      expect(new Set(written).size).toBe(4)
      // rounded a and b; in FP32 only once something reads them so
      expect(files.map(names => names.length)).toEqual([2, 3, 3, 3])
      expect(hashOnnx(written[3]!)).toBe(hashOnnx(written[0]!))
      expect(hashOnnx(written[1]!)).not.toBe(hashOnnx(written[0]!))
    },
  )
})

test('external data behind a link, as in caches of downloads, are found', async () => {
  const onnx = source(true)
  const cache = temporaryFolder()
  const link = join(cache, 'link.onnx')
  symlinkSync(onnx, link)
  const [data] = readdirSync(join(onnx, '..')).filter(name => name.endsWith('.data'))
  symlinkSync(join(onnx, '..', data!), join(cache, data!))
  const store = new TrialStore(parent())
  const { model } = await makeReduced(link, 'fp16', 'emulated', { keep: ['first'] }, store.round)
  const path = store.write(model, link)
  expect(await run(path)).not.toBe(await run(link))
})

test('what killed searches left is removed, what others are using is not', () => {
  const folder = parent()
  // the number of a process that has ended for certain
  const gone = '99999999'
  const here = hostname()
  const left = [
    `trial-${gone}-0-${here}`,
    `trial-${gone}-0`,
    // of an earlier process that had this one's number, as each has in a container
    `trial-${process.pid}-77-${here}`,
    'trial-1-0-elsewhere',
  ]
  const used = [`trial-${process.ppid}-1-${here}`, `trial-${gone}-1-elsewhere`]
  for (const name of [...left, ...used]) {
    mkdirSync(join(folder, name, 'trial-weights'), { recursive: true })
    writeFileSync(join(folder, name, 'trial-weights/0'), 'w')
  }
  // no trial takes so long; a process of this host that runs is asked for nothing more
  const daysAgo = new Date(Date.now() - 2 * 24 * 3600 * 1000)
  for (const name of [left.at(-1)!, used[0]!]) utimesSync(join(folder, name), daysAgo, daysAgo)
  writeFileSync(join(folder, `trial-${gone}-3.onnx`), 'of an earlier version')
  writeFileSync(join(folder, 'net-fp16-0123.jsonl'), '')
  new TrialStore(folder)
  expect(readdirSync(folder).sort()).toEqual(['net-fp16-0123.jsonl', ...used].sort())
})

test('a second store of one process leaves the first alone', async () => {
  const onnx = source(false)
  const folder = parent()
  const store = new TrialStore(folder)
  const written = async () =>
    store.write((await makeReduced(onnx, 'fp16', 'emulated', {}, store.round)).model, onnx)
  const before = contents(await written())
  new TrialStore(folder)
  expect(contents(await written())).toEqual(before)
})

test('a folder that cannot be written to is named', async () => {
  const onnx = source(false)
  const file = join(temporaryFolder(), 'file')
  const store = new TrialStore(join(file, 'mend'))
  writeFileSync(file, '')
  expect(() => new TrialStore(join(file, 'mend'))).toThrow(/mend: cannot be written: .*file is no folder/)
  const made = makeReduced(onnx, 'fp16', 'emulated', {}, store.round)
  await expect(made).rejects.toThrow(/trial-weights.0: cannot be written/)
})
