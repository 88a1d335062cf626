import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DepthgateError } from '../../../src/base/errors.ts'
import type { FloatArray } from '../../../src/depth/depth-map.ts'
import { encodeNpy, parseNpy, readNpy } from '../../../src/depth/npy.ts'
import { errorOf } from '../../helpers/error-of.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'depthgate-npy-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** An .npy file with any header text. */
function npy(
  header: string,
  data: Uint8Array = new Uint8Array(0),
  version = [1, 0],
  declared?: number,
): Uint8Array {
  const text = Buffer.from(`${header}\n`, 'utf8')
  const length = Buffer.alloc(version[0] === 1 ? 2 : 4)
  if (version[0] === 1) length.writeUInt16LE(declared ?? text.length)
  else length.writeUInt32LE(declared ?? text.length)
  return Buffer.concat([Buffer.from('\x93NUMPY', 'latin1'), Uint8Array.from(version), length, text, data])
}

const head = (descr: string, shape: string, order = 'False') =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`
const bytesOf = (values: FloatArray) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
const four = bytesOf(Float32Array.of(1, 2, 3, 4))
const text = (content: string) => Buffer.from(content, 'latin1')

describe('reads what numpy wrote', () => {
  test.each([
    [
      'version 1.0, float32',
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwM3MzD0AAIB/AAAAAADgf0c=',
      [2, 3],
      Float32Array.of(1.5, -2, 0.1, Number.POSITIVE_INFINITY, 0, 65504),
    ],
    [
      'version 2.0, float64',
      'k05VTVBZAgB0AAAAeydkZXNjcic6ICc8ZjgnLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMiwpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIApVVVVVVVXVP5x1AIg85Df+',
      [2],
      Float64Array.of(1 / 3, -1e300),
    ],
    [
      'version 3.0, float16',
      'k05VTVBZAwB0AAAAeydkZXNjcic6ICc8ZjInLCAnZm9ydHJhbl9vcmRlcic6IEZhbHNlLCAnc2hhcGUnOiAoMSwgMSwgMyksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAPmauAQA=',
      [1, 1, 3],
      Float32Array.of(1.5, -0.0999755859375, 2 ** -24),
    ],
    [
      'a scalar',
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY4JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKCksIH0gICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAAAAAAAdQA==',
      [],
      Float64Array.of(7.25),
    ],
  ])('%s', (_, base64, shape, values) => {
    const array = parseNpy(Buffer.from(base64, 'base64'), 'a.npy')
    expect(array.shape).toEqual(shape)
    expect(array.data).toEqual(values)
  })

  test('other spacing, quotes and key order mean the same', () => {
    const array = parseNpy(npy(`{"shape":(2,2),"fortran_order":False,"descr":"<f4"}`, four), 'a.npy')
    expect(array.get(1, 0)).toBe(3)
  })
})

test.each(['<f2', '<f4', '<f8'])('reads %s at any offset in its buffer', descr => {
  const size = Number(descr[2])
  const data =
    size === 2 ? Uint16Array.of(0x3c00, 0x4000) : size === 4 ? Float32Array.of(1, 2) : Float64Array.of(1, 2)
  const file = npy(head(`'${descr}'`, '(2,)'), new Uint8Array(data.buffer))
  for (let shift = 0; shift < 8; shift++) {
    const room = new Uint8Array(file.length + shift)
    room.set(file, shift)
    expect([...parseNpy(room.subarray(shift), 'a.npy').data]).toEqual([1, 2])
  }
})

describe('encodeNpy', () => {
  test.each<[string, FloatArray, number[]]>([
    ['float32', Float32Array.of(1, 0.1, Number.NaN, -0, Number.POSITIVE_INFINITY, 6), [2, 3]],
    ['float64', Float64Array.of(1, 0.1, 1e300, -0, 5e-324, 6), [1, 3, 1, 2]],
    ['one axis', Float32Array.of(1, 2), [2]],
    ['a scalar', Float64Array.of(42), []],
  ])('%s comes back from a file', (_, values, shape) => {
    const path = join(folder, 'round.npy')
    writeFileSync(path, encodeNpy(ndarray(values, shape)))
    const array = readNpy(path)
    expect(array.shape).toEqual(shape)
    expect(array.data).toEqual(values)
  })

  test('writes the bytes that numpy writes', () => {
    const array = ndarray(Float32Array.of(1.5, -2, 0.1, Number.POSITIVE_INFINITY, 0, 65504), [2, 3])
    expect(Buffer.from(encodeNpy(array)).toString('base64')).toBe(
      'k05VTVBZAQB2AHsnZGVzY3InOiAnPGY0JywgJ2ZvcnRyYW5fb3JkZXInOiBGYWxzZSwgJ3NoYXBlJzogKDIsIDMpLCB9ICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgIAoAAMA/AAAAwM3MzD0AAIB/AAAAAADgf0c=',
    )
  })

  test('writes strided views in row-major order', () => {
    const array = ndarray(Float32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
      .transpose(1, 0)
      .lo(1, 0)
    expect(parseNpy(encodeNpy(array), 'a.npy').data).toEqual(Float32Array.of(2, 5, 3, 6))
  })

  test('puts the data on a 64-byte boundary, whatever the shape', () => {
    for (let rank = 0; rank <= 32; rank++) {
      const shape = Array.from({ length: rank }, () => 1)
      const file = encodeNpy(ndarray(Float32Array.of(7), shape))
      expect((file.length - 4) % 64).toBe(0)
      expect(parseNpy(file, 'a.npy').shape).toEqual(shape)
    }
  })

  test('refuses arrays without values or of another type', () => {
    expect(errorOf(() => encodeNpy(ndarray(new Float32Array(0), [0, 4]))).message).toBe(
      'array: has no values (shape 0×4). Write an array that has some',
    )
    const integers = ndarray(new Int32Array(4) as unknown as Float32Array, [2, 2])
    expect(errorOf(() => encodeNpy(integers)).message).toBe(
      'array: cannot be written as .npy from int32. Use Float32Array or Float64Array',
    )
  })
})

describe('files that cannot be read', () => {
  test('a missing file', () => {
    const path = join(folder, 'none.npy')
    const error = errorOf(() => readNpy(path))
    expect(error.code).toBe('npy')
    expect(error.message).toBe(`${path}: does not exist. Check the path; numpy.save writes such a file`)
  })

  test('a directory', () => {
    expect(errorOf(() => readNpy(folder)).message).toMatch(/: is a directory, not a file\. Check/)
  })

  test('an error of readNpy begins with the path', () => {
    const path = join(folder, 'empty.npy')
    writeFileSync(path, '')
    expect(errorOf(() => readNpy(path)).message).toBe(
      `${path}: is empty. The program that wrote it may have stopped: run it again`,
    )
  })
})

const f4 = `'<f4'`
const saveAgain = 'Save it again with numpy.save'
const saveFloat = 'Save it with numpy.save(file, array.astype(numpy.float32))'
const copy = 'Copy or save the file again'

test.each<[string, Uint8Array, string]>([
  ['no bytes', text(''), 'is empty. The program that wrote it may have stopped: run it again'],
  ['text', text('1 2 3 4\n'), `is no .npy file. ${saveAgain}`],
  ['a PNG', text('\x89PNG\r\n\x1a\n'), `is no .npy file, it looks like a PNG. ${saveAgain}`],
  ['a JPEG', text('\xff\xd8\xff\xe0'), `is no .npy file, it looks like a JPEG. ${saveAgain}`],
  [
    'an npz',
    text('PK\x03\x04....'),
    `is no .npy file, it looks like a zip archive (.npz or .pt). ${saveAgain}`,
  ],
  ['HDF5', text('\x89HDF\r\n\x1a\n'), `is no .npy file, it looks like an HDF5 file. ${saveAgain}`],
  [
    'a pickle',
    text('\x80\x04\x95....'),
    `is no .npy file, it looks like a Python pickle (never opened here: it can run code). ${saveAgain}`,
  ],
  [
    'a pointer of Git LFS',
    text('version https://git-lfs.github.com/spec/v1\n'),
    `is no .npy file, it looks like a Git LFS pointer, not the file itself (run: git lfs pull; in a workflow: \`lfs: true\` for its checkout). ${saveAgain}`,
  ],
  [
    'version 4',
    npy(head(f4, '(2, 2)'), four, [4, 0]),
    `has the .npy version 4.0; this reads 1.0, 2.0 and 3.0. ${saveAgain}`,
  ],
  [
    'version 1.1',
    npy(head(f4, '(2, 2)'), four, [1, 1]),
    `has the .npy version 1.1; this reads 1.0, 2.0 and 3.0. ${saveAgain}`,
  ],
  ['half a magic', text('\x93NUM'), `is truncated inside its header. ${copy}`],
  ['no header length', text('\x93NUMPY\x02\x00\x10'), `is truncated inside its header. ${copy}`],
  ['half a header', npy(head(f4, '(2, 2)')).subarray(0, 40), `is truncated inside its header. ${copy}`],
  [
    'a header that claims 4 GB',
    npy('{}', four, [2, 0], 0xffffffff),
    `is truncated inside its header. ${copy}`,
  ],
  [
    'a short header',
    npy(head(f4, '(2, 2)'), four, [1, 0], 20),
    `has a damaged header (expected a quoted key but found "'fo"). ${saveAgain}`,
  ],
  ['words', npy('hello', four), `has a damaged header (expected a value but found "hello"). ${saveAgain}`],
  [
    'a call',
    npy(`__import__('os')`),
    `has a damaged header (expected a value but found "__import__('os')"). ${saveAgain}`,
  ],
  [
    'a call as a value',
    npy(`{'descr': open('x')}`),
    `has a damaged header (expected a value but found "open('x')}"). ${saveAgain}`,
  ],
  ['a list', npy('[1, 2]', four), `has a damaged header (it is no dict). ${saveAgain}`],
  [
    'two dicts',
    npy(`${head(f4, '(2, 2)')} {}`, four),
    `has a damaged header (expected the end but found "{}"). ${saveAgain}`,
  ],
  [
    'no comma',
    npy(`{'descr': '<f4' 'shape': ()}`),
    `has a damaged header (expected "," or "}" but found "'shape': ()}"). ${saveAgain}`,
  ],
  [
    'no colon',
    npy(`{'descr' '<f4'}`),
    `has a damaged header (expected ":" but found "'<f4'}"). ${saveAgain}`,
  ],
  [
    'a bare key',
    npy(`{descr: '<f4'}`),
    `has a damaged header (expected a quoted key but found "descr: '<f4'}"). ${saveAgain}`,
  ],
  [
    'an open string',
    npy(`{'descr: <f4}`),
    `has a damaged header (expected a quoted key but found "'descr: <f4}"). ${saveAgain}`,
  ],
  [
    'a deep header',
    npy('('.repeat(60000)),
    `has a damaged header (brackets are nested too deep). ${saveAgain}`,
  ],
  [
    'no shape',
    npy(`{'descr': '<f4', 'fortran_order': False}`, four),
    `has a damaged header (it lacks shape). ${saveAgain}`,
  ],
  [
    'an empty dict',
    npy('{}', four),
    `has a damaged header (it lacks descr, fortran_order, shape). ${saveAgain}`,
  ],
  [
    'an unknown key',
    npy(`{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}`, four),
    `has a damaged header (unknown key "x"). ${saveAgain}`,
  ],
  [
    'a key that stands there twice',
    npy(`{'shape': (1,), 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}`, four),
    `has a damaged header (the key "shape" stands there twice). ${saveAgain}`,
  ],
  [
    'short data',
    npy(head(f4, '(2, 3)'), four),
    `is truncated: 2×3 of <f4 takes 24 bytes of data, found 16. ${copy}`,
  ],
  ['no data', npy(head(f4, '()')), `is truncated: a scalar of <f4 takes 4 bytes of data, found 0. ${copy}`],
  [
    'long data',
    npy(head(f4, '(3,)'), four),
    'has 4 bytes too many: 3 of <f4 takes 12 bytes of data, found 16. Save one array a file, with numpy.save',
  ],
  [
    'big-endian',
    npy(head(`'>f4'`, '(2, 2)'), four),
    `is big-endian (>f4). Save it with numpy.save(file, array.astype('<f4'))`,
  ],
  [
    'Fortran order',
    npy(head(f4, '(2, 2)', 'True'), four),
    'is in Fortran (column-major) order. Save it with numpy.save(file, numpy.ascontiguousarray(array))',
  ],
  [
    'an odd order',
    npy(head(f4, '(2, 2)', '0'), four),
    `has a damaged header (fortran_order is neither True nor False). ${saveAgain}`,
  ],
  ['integers', npy(head(`'<i2'`, '(8,)'), four), `holds integers (<i2). ${saveFloat}`],
  ['bytes', npy(head(`'|u1'`, '(16,)'), four), `holds unsigned integers (|u1). ${saveFloat}`],
  ['booleans', npy(head(`'|b1'`, '(16,)'), four), `holds booleans (|b1). ${saveFloat}`],
  ['complex numbers', npy(head(`'<c8'`, '(2,)'), four), `holds complex numbers (<c8). ${saveFloat}`],
  ['strings', npy(head(`'<U4'`, '(1,)'), four), `holds strings (<U4). ${saveFloat}`],
  ['byte strings', npy(head(`'|S4'`, '(4,)'), four), `holds byte strings (|S4). ${saveFloat}`],
  ['dates', npy(head(`'<M8[ns]'`, '(2,)'), four), `holds dates (<M8[ns]). ${saveFloat}`],
  ['time spans', npy(head(`'<m8[s]'`, '(2,)'), four), `holds time spans (<m8[s]). ${saveFloat}`],
  [
    'bfloat16',
    npy(head(`'|V2'`, '(8,)'), four),
    `holds raw bytes (bfloat16 and float8 are saved so) (|V2). ${saveFloat}`,
  ],
  [
    'records',
    npy(head(`[('z', '<f4'), ('c', '<f4', (2,))]`, '(2,)'), four),
    'holds structured records. Save the one field that is the depth, as float32',
  ],
  [
    'objects',
    npy(head(`'|O'`, '(2,)'), four),
    `holds Python objects (a pickle), which are never opened here: that could run code. ${saveFloat}`,
  ],
  [
    'long doubles',
    npy(head(`'<f16'`, '(1,)'), four),
    `has the type "<f16"; this reads <f2, <f4 and <f8. ${saveFloat}`,
  ],
  [
    'a type named like a method',
    npy(head(`'constructor'`, '(1,)'), four),
    `has the type "constructor"; this reads <f2, <f4 and <f8. ${saveFloat}`,
  ],
  ['no type', npy(head('None', '(1,)'), four), `has a damaged header (descr is no string). ${saveAgain}`],
  [
    'a shape in brackets only',
    npy(head(f4, '(4)'), four),
    `has a damaged header (shape is no tuple). ${saveAgain}`,
  ],
  ['a shape as a list', npy(head(f4, '[4]'), four), `has a damaged header (shape is no tuple). ${saveAgain}`],
  [
    'a negative length',
    npy(head(f4, '(-2, -2)'), four),
    `has a damaged header (negative length -2 in its shape). ${saveAgain}`,
  ],
  [
    'a broken length',
    npy(head(f4, '(2.0, 2)'), four),
    `has a damaged header (a length in its shape is no integer). ${saveAgain}`,
  ],
  [
    'True as a length',
    npy(head(f4, '(True, 4)'), four),
    `has a damaged header (a length in its shape is no integer). ${saveAgain}`,
  ],
  [
    '2^60 values',
    npy(head(f4, '(1073741824, 1073741824)'), four),
    `claims the shape 1073741824×1073741824, more than any memory holds: the header is damaged. ${saveAgain}`,
  ],
  [
    '2^64 values, 0 in 64 bits',
    npy(head(f4, '(4294967296, 4294967296)')),
    `claims the shape 4294967296×4294967296, more than any memory holds: the header is damaged. ${saveAgain}`,
  ],
  [
    'a length of 400 digits',
    npy(head(f4, `(${'9'.repeat(400)},)`)),
    `claims the shape Infinity, more than any memory holds: the header is damaged. ${saveAgain}`,
  ],
  [
    '2^45 values',
    npy(head(f4, '(35184372088832,)'), four),
    `is truncated: 35184372088832 of <f4 takes 140737488355328 bytes of data, found 16. ${copy}`,
  ],
  ['no values', npy(head(f4, '(0, 4)')), 'holds no values (shape 0×4). Save an array that has some'],
  [
    '33 axes',
    npy(head(f4, `(${'1, '.repeat(33)})`), four.subarray(0, 4)),
    'has 33 axes, this reads up to 32. Save one depth map H×W',
  ],
])('refuses %s', (_, bytes, message) => {
  const error = errorOf(() => parseNpy(bytes, 'scene/depth.npy'))
  expect(error.code).toBe('npy')
  expect(error.message).toBe(`scene/depth.npy: ${message}`)
})

test('every cut of a good file is refused', () => {
  const file = encodeNpy(ndarray(Float32Array.of(1, 2, 3, 4), [2, 2]))
  for (let length = 0; length < file.length; length++)
    expect(errorOf(() => parseNpy(file.subarray(0, length), 'a.npy')).message).toMatch(
      /^a\.npy: is (empty|truncated)/,
    )
})

test('no changed byte of a header gets past as anything but floats of the right number', () => {
  const file = encodeNpy(ndarray(Float32Array.of(1, 2, 3, 4), [2, 2]))
  for (let at = 0; at < 128; at++)
    for (let value = 0; value < 256; value += 3) {
      const changed = file.slice()
      changed[at] = value
      try {
        const array = parseNpy(changed, 'a.npy')
        expect(array.size * array.data.BYTES_PER_ELEMENT).toBe(16)
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(DepthgateError)
      }
    }
})
