import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { readSource } from '../base/files.ts'
import { type FloatArray, formatShape } from './depth-map.ts'
import { halfToFloat } from './half.ts'
import { type Literal, parseLiteral } from './python-literal.ts'
import { latin1, looksLike } from './source.ts'

// The format: numpy.org/doc/stable/reference/generated/numpy.lib.format.html

const magic = '\x93NUMPY'
const saveAgain = 'Save it again with numpy.save'
const saveFloat = 'Save it with numpy.save(file, array.astype(numpy.float32))'
/** numpy's own limit before version 2; ndarray compiles one class a rank. */
const maxRank = 32

const itemSizes: Record<string, number> = { '<f2': 2, '<f4': 4, '<f8': 8 }

/** Reads an .npy file of float16, float32 or float64, of any rank. See `parseNpy`. */
export function readNpy(path: string): NdArray<FloatArray> {
  const bytes = readSource(path, 'npy', 'Check the path; numpy.save writes such a file')
  return parseNpy(bytes, path)
}

/**
 * The array in the bytes of an .npy file of format version 1.0, 2.0 or 3.0: little-endian float16 (as float32),
 * float32 or float64 in C order, of any rank. Whatever else stands there is an error with code `npy` that begins
 * with `name`. Shares `bytes` where they are aligned for the type, else copies.
 */
export function parseNpy(bytes: Uint8Array, name: string): NdArray<FloatArray> {
  const { text, end } = readHeader(bytes, name)
  const { descr, shape } = checkHeader(text, name)
  const itemSize = itemSizes[descr]!
  const expected = shape.reduce((product, length) => product * length, itemSize)
  const found = bytes.length - end
  // past 2^53 the product itself is rounded, and no machine holds it
  if (expected > Number.MAX_SAFE_INTEGER)
    throw broken(
      name,
      `claims the shape ${formatShape(shape)}, more than any memory holds: the header is damaged`,
    )
  if (found < expected)
    throw broken(
      name,
      `is truncated: ${formatShape(shape)} of ${descr} takes ${expected} bytes of data, found ${found}`,
      'Copy or save the file again',
    )
  if (found > expected)
    throw broken(
      name,
      `has ${found - expected} bytes too many: ${formatShape(shape)} of ${descr} takes ${expected} bytes of data, found ${found}`,
      'Save one array a file, with numpy.save',
    )
  return ndarray(floats(bytes.subarray(end), descr), shape)
}

/** The bytes of an .npy file (version 1.0, C order, data on a 64-byte boundary) that numpy and `parseNpy` read. */
export function encodeNpy(array: NdArray<FloatArray>): Uint8Array {
  const descr = { float32: '<f4', float64: '<f8' }[array.dtype as string]
  if (descr === undefined)
    throw new DepthgateError(
      'npy',
      `array: cannot be written as .npy from ${array.dtype}. Use Float32Array or Float64Array`,
    )
  const { shape } = array
  if (array.size === 0)
    throw new DepthgateError(
      'npy',
      `array: has no values (shape ${formatShape(shape)}). Write an array that has some`,
    )
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dict = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`
  const start = Math.ceil((10 + dict.length + 1) / 64) * 64
  const file = new Uint8Array(start + array.size * (descr === '<f4' ? 4 : 8))
  const head = Buffer.from(file.buffer, 0, start)
  head.write(`${magic}\x01\x00`, 'latin1')
  head.writeUInt16LE(start - 10, 8)
  head.write(`${dict.padEnd(start - 11)}\n`, 10, 'latin1')
  const data = descr === '<f4' ? new Float32Array(file.buffer, start) : new Float64Array(file.buffer, start)
  copyRowMajor(array, data)
  return file
}

/** Finds the header's text and where the data begin. */
function readHeader(bytes: Uint8Array, name: string): { text: string; end: number } {
  if (bytes.length === 0)
    throw broken(name, 'is empty', 'The program that wrote it may have stopped: run it again')
  const start = latin1(bytes.subarray(0, magic.length))
  if (!magic.startsWith(start)) {
    const found = looksLike(bytes)
    throw broken(name, found ? `is no .npy file, it looks like ${found}` : 'is no .npy file')
  }
  const cut = () => broken(name, 'is truncated inside its header', 'Copy or save the file again')
  const major = bytes[6]
  const minor = bytes[7]
  if (major === undefined || minor === undefined) throw cut()
  if (major < 1 || major > 3 || minor !== 0)
    throw broken(name, `has the .npy version ${major}.${minor}; this reads 1.0, 2.0 and 3.0`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const begin = major === 1 ? 10 : 12
  if (bytes.length < begin) throw cut()
  const end = begin + (major === 1 ? view.getUint16(8, true) : view.getUint32(8, true))
  if (bytes.length < end) throw cut()
  const raw = bytes.subarray(begin, end)
  return { text: major === 3 ? new TextDecoder().decode(raw) : latin1(raw), end }
}

function checkHeader(text: string, name: string): { descr: string; shape: number[] } {
  let header: Literal
  try {
    header = parseLiteral(text)
  } catch (cause) {
    throw broken(name, `has a damaged header (${messageOf(cause)})`)
  }
  if (header.kind !== 'dict') throw broken(name, 'has a damaged header (it is no dict)')
  const fields = new Map(header.entries)
  const keys = ['descr', 'fortran_order', 'shape']
  const lacking = keys.filter(key => !fields.has(key))
  if (lacking.length > 0) throw broken(name, `has a damaged header (it lacks ${lacking.join(', ')})`)
  const unknown = [...fields.keys()].filter(key => !keys.includes(key))
  if (unknown.length > 0)
    throw broken(name, `has a damaged header (unknown key ${JSON.stringify(unknown[0])})`)
  if (header.entries.length > keys.length) {
    const twice = header.entries.find(([key], i) => header.entries.findIndex(other => other[0] === key) < i)!
    throw broken(name, `has a damaged header (the key ${JSON.stringify(twice[0])} stands there twice)`)
  }
  const descr = checkType(fields.get('descr')!, name)
  checkOrder(fields.get('fortran_order')!, name)
  return { descr, shape: checkShape(fields.get('shape')!, name) }
}

const kinds: Record<string, string> = {
  b: 'booleans or 8-bit integers',
  '?': 'booleans',
  i: 'integers',
  u: 'unsigned integers',
  c: 'complex numbers',
  S: 'byte strings',
  a: 'byte strings',
  U: 'strings',
  M: 'dates',
  m: 'time spans',
  V: 'raw bytes (bfloat16 and float8 are saved so)',
}

function checkType(descr: Literal, name: string): string {
  if (descr.kind === 'list')
    throw broken(name, 'holds structured records', 'Save the one field that is the depth, as float32')
  if (descr.kind !== 'string') throw broken(name, 'has a damaged header (descr is no string)')
  const type = descr.value
  if (Object.hasOwn(itemSizes, type)) return type
  const [, order, kind = '', size = ''] = /^([<>|=]?)([a-zA-Z?])(?![a-zA-Z])(.*)$/.exec(type) ?? []
  if (kind === 'O')
    throw broken(
      name,
      'holds Python objects (a pickle), which are never opened here: that could run code',
      saveFloat,
    )
  if (type === '|b1') throw broken(name, 'holds booleans (|b1)', saveFloat)
  if (Object.hasOwn(kinds, kind)) throw broken(name, `holds ${kinds[kind]} (${type})`, saveFloat)
  if (kind === 'f' && order === '>')
    throw broken(name, `is big-endian (${type})`, `Save it with numpy.save(file, array.astype('<f${size}'))`)
  throw broken(name, `has the type ${JSON.stringify(type)}; this reads <f2, <f4 and <f8`, saveFloat)
}

function checkOrder(order: Literal, name: string): void {
  if (order.kind !== 'word' || order.value === 'None')
    throw broken(name, 'has a damaged header (fortran_order is neither True nor False)')
  if (order.value === 'True')
    throw broken(
      name,
      'is in Fortran (column-major) order',
      'Save it with numpy.save(file, numpy.ascontiguousarray(array))',
    )
}

function checkShape(shape: Literal, name: string): number[] {
  if (shape.kind !== 'tuple') throw broken(name, 'has a damaged header (shape is no tuple)')
  if (shape.items.length > maxRank)
    throw broken(
      name,
      `has ${shape.items.length} axes, this reads up to ${maxRank}`,
      'Save one depth map H×W',
    )
  const lengths = shape.items.map(item => {
    if (item.kind !== 'number' || !/^[+-]?\d+$/.test(item.text))
      throw broken(name, 'has a damaged header (a length in its shape is no integer)')
    if (item.value < 0) throw broken(name, `has a damaged header (negative length ${item.text} in its shape)`)
    return item.value
  })
  if (lengths.includes(0))
    throw broken(name, `holds no values (shape ${formatShape(lengths)})`, 'Save an array that has some')
  return lengths
}

/** Little-endian data as a typed array; the machines that run ONNX Runtime are little-endian. */
function floats(data: Uint8Array, descr: string): FloatArray {
  const itemSize = itemSizes[descr]!
  const { buffer, byteOffset } = byteAligned(data, itemSize)
  const count = data.length / itemSize
  if (descr === '<f2') return halfToFloat(new Uint16Array(buffer, byteOffset, count))
  return descr === '<f4'
    ? new Float32Array(buffer, byteOffset, count)
    : new Float64Array(buffer, byteOffset, count)
}

function byteAligned(data: Uint8Array, itemSize: number): Uint8Array {
  return data.byteOffset % itemSize === 0 ? data : new Uint8Array(data)
}

/** Writes the values of an array of any rank and stride into `target`, last axis fastest. */
function copyRowMajor(array: NdArray<FloatArray>, target: FloatArray): void {
  const { data, shape, stride } = array
  let at = 0
  const walk = (axis: number, offset: number): void => {
    if (axis === shape.length) target[at++] = data[offset]!
    else for (let i = 0; i < shape[axis]!; i++) walk(axis + 1, offset + i * stride[axis]!)
  }
  walk(0, array.offset)
}

function broken(name: string, fault: string, wayOut = saveAgain): DepthgateError {
  return new DepthgateError('npy', `${name}: ${fault}. ${wayOut}`)
}
