import { readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256File } from '../../../src/base/files.ts'
import { hashOnnx } from '../../../src/onnx/hash.ts'
import { encodeModel } from '../../../src/onnx/model.ts'
import { elsewhere, modelWith } from '../../helpers/external.ts'
import { repo, temporaryFolder } from '../../helpers/files.ts'

const tiny = join(repo, 'fixtures/tiny/tiny.onnx')

/** Writes a model with a weight at `location`. */
function external(
  location: string,
  folder: string,
  where: 'initialiser' | 'body' | 'Constant' = 'initialiser',
) {
  const weight = elsewhere('w', 1, { location })
  const model = modelWith(
    where === 'initialiser' ? [weight] : [],
    where === 'body' ? weight : undefined,
    where === 'Constant' ? weight : undefined,
  )
  const path = join(folder, 'm.onnx')
  writeFileSync(path, Buffer.concat(encodeModel(model)))
  return path
}

describe('the hash of a model', () => {
  test('is that of its file, whatever lies beside it', () => {
    const folder = temporaryFolder()
    const path = join(folder, 'm.onnx')
    writeFileSync(path, readFileSync(tiny))
    writeFileSync(`${path}.notes.txt`, 'x')
    expect(hashOnnx(path)).toBe(sha256File(tiny))
  })

  test.each(['initialiser', 'body', 'Constant'] as const)(
    'covers the external data of a weight in: %s',
    where => {
      const folder = temporaryFolder()
      const path = external('weights.bin', folder, where)
      const hashes = ['a', 'b'].map(text => {
        writeFileSync(join(folder, 'weights.bin'), text)
        return hashOnnx(path)
      })
      expect(new Set([...hashes, sha256File(path)]).size).toBe(3)
    },
  )

  test('does not depend on the folder', () => {
    const hashes = [temporaryFolder(), temporaryFolder()].map(folder => {
      writeFileSync(join(folder, 'weights.bin'), 'a')
      return hashOnnx(external('weights.bin', folder))
    })
    expect(hashes[0]).toBe(hashes[1])
  })

  test.each(['../weights.bin', '/etc/passwd', 'a/../../b', ''])(
    'refuses data at %j, outside the folder',
    location => {
      expect(() => hashOnnx(external(location, temporaryFolder()))).toThrow(
        /m\.onnx: the weight w lies in .* outside the model's folder/,
      )
    },
  )

  test('refuses data behind a link that leaves the folder', () => {
    const folder = temporaryFolder()
    symlinkSync(tiny, join(folder, 'link.bin'))
    expect(() => hashOnnx(external('link.bin', folder))).toThrow(
      /a link to .*tiny\.onnx, outside the model's folder/,
    )
  })

  test('names data that are missing', () => {
    expect(() => hashOnnx(external('gone.bin', temporaryFolder()))).toThrow(/gone\.bin does not exist/)
  })
})
