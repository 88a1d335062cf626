import { readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { sha256File } from '../../src/base/files.ts'
import { loadOnnx } from '../../src/engines/onnxruntime/session.ts'
import { makeReduced } from '../../src/gate/make-variant.ts'
import { readModel } from '../../src/onnx/model.ts'
import { writeModel } from '../../src/onnx/write.ts'
import { checkerFaults, checkerPython } from '../helpers/checker.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { noise } from '../helpers/graph.ts'

const pocket = join(repo, 'models/pocket/pocket.onnx')

/** pocket with its weights in a file beside it. */
function apart(): string {
  const path = join(temporaryFolder(), 'pocket.onnx')
  writeModel(path, readModel(pocket), { from: pocket, external: true })
  expect(readdirSync(join(path, '..'))).toHaveLength(2)
  return path
}

describe('a model with external data', () => {
  test('computes in ONNX Runtime what it did as one file', async () => {
    const [whole, split] = await Promise.all([pocket, apart()].map(path => run(path)))
    expect(split).toEqual(whole)
  })

  test.each(['native', 'emulated'] as const)(
    'becomes the fp16 file that it would become as one, %s',
    async way => {
      const hashes = await Promise.all(
        [pocket, apart()].map(async source => {
          const { model } = await makeReduced(source, 'fp16', way, {})
          const path = join(temporaryFolder(), 'out.onnx')
          writeModel(path, model, { from: source })
          return sha256File(path)
        }),
      )
      expect(hashes[1]).toBe(hashes[0])
    },
  )

  test('that Git LFS has not fetched are told as such, before ONNX Runtime says anything', async () => {
    const onnx = apart()
    const data = readdirSync(dirname(onnx)).find(file => file !== 'pocket.onnx')!
    writeFileSync(join(dirname(onnx), data), 'version https://git-lfs.github.com/spec/v1\n')
    const request = { onnx, emulated: false, precision: 'fp32', fusion: 'on' } as const
    const engine = { engine: 'onnxruntime', provider: 'cpu' } as const
    await expect(loadOnnx({ ...request, engine, cache: dirname(onnx), root: dirname(onnx) })).rejects.toThrow(
      /pocket\.onnx: the weight \S+ lies in "\S+", which is a Git LFS pointer, not the file itself \(run: git lfs pull/,
    )
  })

  test.runIf(checkerPython)("passes Python's onnx.checker", async () => {
    expect(await checkerFaults([apart()])).toEqual({})
  })
})

async function run(path: string) {
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 })
  const feeds = session.inputMetadata.map(port => {
    const shape = port.isTensor ? port.shape.map(length => (typeof length === 'number' ? length : 1)) : []
    const values = noise(shape.reduce((a, b) => a * b, 1))
    return [port.name, new ort.Tensor('float32', values, shape)] as const
  })
  const results = await session.run(Object.fromEntries(feeds))
  await session.release()
  return Object.entries(results).map(([name, tensor]) => [name, (tensor as ort.Tensor).data])
}
