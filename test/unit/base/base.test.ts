import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sha256, sha256File, stableJson, writeWhole } from '../../../src/base/files.ts'
import { parseJson } from '../../../src/base/json.ts'
import {
  checkName,
  didYouMean,
  isLetterName,
  isName,
  thereAre,
  toLetterName,
  toName,
} from '../../../src/base/names.ts'
import { validated } from '../../../src/base/validate.ts'
import { temporaryFolder } from '../../helpers/files.ts'

const folder = temporaryFolder()

describe('files', () => {
  test('are written whole, with their folders, and leave no temporary name', () => {
    const path = join(folder, 'a/b/c.txt')
    writeWhole(path, 'first')
    writeWhole(path, new TextEncoder().encode('xsecondx').subarray(1, 7))
    expect(readFileSync(path, 'utf8')).toBe('second')
    expect(readdirSync(join(folder, 'a/b'))).toEqual(['c.txt'])
  })

  test('a write that fails says which file and leaves the old one', () => {
    writeFileSync(join(folder, 'plain'), 'kept')
    expect(() => writeWhole(join(folder, 'plain/below'), 'x')).toThrow(/plain\/below: cannot be written/)
    expect(readFileSync(join(folder, 'plain'), 'utf8')).toBe('kept')
  })

  test.runIf(existsSync('/proc/self'))('a write into /proc fails too, rather than never end', () => {
    expect(() => writeWhole('/proc/new/folder/x', 'x')).toThrow(/^\/proc\/new\/folder\/x: cannot be written/)
  })

  test('have the same hash in pieces and at once', () => {
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7)
    writeFileSync(join(folder, 'bytes'), bytes)
    expect(sha256File(join(folder, 'bytes'))).toBe(sha256(bytes))
    expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    writeFileSync(join(folder, 'none'), '')
    expect(sha256File(join(folder, 'none'))).toBe(sha256(''))
  })

  test('JSON has sorted keys and a last newline', () => {
    expect(stableJson({ b: [{ d: 1, c: 2 }], a: null })).toBe(
      '{\n  "a": null,\n  "b": [\n    {\n      "c": 2,\n      "d": 1\n    }\n  ]\n}\n',
    )
  })
})

describe('parseJson', () => {
  test.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"x":[{"k":1},{"k":1,"k":2}]}', 'k'],
    ['{"a":{"b":1},"c":{"b\\"":1,"b\\"":2}}', 'b\\"'],
  ])('refuses %s, whose key stands twice', (text, key) => {
    expect(() => parseJson(text, 'f.json', 'x')).toThrow(
      `f.json: has two entries named "${key}" in one object`,
    )
  })

  test('takes equal keys in different objects and in strings', () => {
    const text = '{"a":{"k":1},"b":{"k":"\\"k\\": {"},"c":["k","k"]}'
    expect(parseJson(text, 'f.json', 'x')).toEqual(JSON.parse(text))
  })

  test('names merge-conflict marks', () => {
    expect(() => parseJson('{\n<<<<<<< HEAD\n}', 'f.json', 'x')).toThrow(
      /f\.json: is not JSON .*merge-conflict/,
    )
  })
})

describe('names', () => {
  test.each(['kitchen', 'img_01', 'a.b-c', '0', '_x'])('%s is a name', name => {
    expect(isName(name)).toBe(true)
    // goldens that were captured before letters stayed keep theirs
    expect(isLetterName(name)).toBe(true)
  })
  test.each([
    '',
    '.',
    '..',
    '.hidden',
    'a/b',
    '../x',
    'A',
    'ü',
    'a b',
    'a\n',
    '\0',
    '__proto__',
    'constructor',
  ])('%j is none', name => {
    expect(isName(name)).toBe(false)
    expect(() => checkName('scene', name)).toThrow(/names are made of/)
  })

  test.each([
    ['IMG 0042 (1)', 'img-0042-1'],
    ['..Küche', 'k-che'],
    ['a.b', 'a.b'],
  ])('%j becomes %j', (text, name) => expect(toName(text)).toBe(name))

  test.each(['küche', '厨房', 'кухня', 'كرسي', 'a.b-c', '0', '_x', 'कक्ष'])(
    '%s is a name with letters',
    name => expect(isLetterName(name)).toBe(true),
  )
  test.each([
    ...['', '.', '..', '.x', 'a/b', 'A', 'Ü', 'a b', 'a\\b', 'a\n', '\0', '__proto__', 'constructor'],
    ...['u\u0308', 'a\u200b', 'a\u202eb', 'a\ufe0f', '\u0308a', 'a:b', '½', '²'],
  ])('%j is no name with letters', name => expect(isLetterName(name)).toBe(false))

  test.each([
    ['Küche', 'küche'],
    ['Ku\u0308che', 'küche'],
    ['..Straße Nr. 5', 'straße-nr.-5'],
    ['厨房 2', '厨房-2'],
    ['İstanbul', 'i\u0307stanbul'],
    ['u\u200d\u0308', 'ü'],
    ['🏠\ufe0f haus', 'haus'],
    ['IMG 0042 (1)', 'img-0042-1'],
    ['½', ''],
  ])('%j becomes %j, with letters', (text, name) => {
    expect(toLetterName(text)).toBe(name)
    expect(name === '' || isLetterName(name)).toBe(true)
  })

  test('of few names all are told, the nearest first', () => {
    expect(thereAre('dept', ['depth', 'fov'])).toBe('; did you mean "depth"? There are: depth, fov.')
    expect(thereAre('zzzzz', ['depth', 'fov'])).toBe('; there are: depth, fov.')
    expect(thereAre('zzzzz', [])).toBe('; there are none.')
  })

  test('a mistyped name gets the nearest, a strange one the list', () => {
    expect(didYouMean('kitchn', ['kitchen', 'hall'])).toBe('; did you mean "kitchen"?')
    expect(didYouMean('xyz', ['kitchen', 'hall'])).toBe('; there are: kitchen, hall.')
    expect(didYouMean('xyz', [])).toBe('; there are none.')
  })
})

test('every fault of a document is told, with its place and the nearest name', () => {
  const schema = {
    type: 'object',
    properties: {
      alpha: { type: 'number' },
      beta: { enum: ['on', 'off'] },
      either: { anyOf: [{ type: 'number' }, { const: false }], description: 'a number or nothing' },
      // of two branches the one that came nearest is told
      nested: {
        type: 'object',
        additionalProperties: {
          anyOf: [
            {
              type: 'object',
              properties: { file: { type: 'string', pattern: '^[a-z]+$' } },
              required: ['file'],
            },
            {
              type: 'object',
              properties: { value: { type: 'number' } },
              required: ['value'],
              additionalProperties: false,
            },
          ],
        },
      },
    },
    additionalProperties: false,
  }
  const data = { alhpa: 1, beta: 'of', either: 'x', nested: { one: { file: '../x' } } }
  expect(() => validated(schema, data, 'c.json', 'config')).toThrow(
    [
      'c.json: does not fit its schema',
      '  (top): "alhpa" is unknown here; did you mean "alpha"?',
      '  beta: is "of", expected one of on, off; did you mean "on"?',
      '  either: is "x", expected a number or nothing',
      '  nested.one.file: "../x" must match pattern "^[a-z]+$"',
    ].join('\n'),
  )
})
