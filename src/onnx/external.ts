import { closeSync, fstatSync, openSync, readFileSync, readSync, type Stats, statSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, win32 } from 'node:path'
import { clearField, create } from '@bufbuild/protobuf'
import type { ByteSource } from '../base/bytes.ts'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { followed } from '../base/files.ts'
import { isLfsPointer, lfsPointer } from '../depth/source.ts'
import {
  StringStringEntryProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from './gen/onnx_pb.ts'

/** Bytes `offset` to `offset + length` of a file. */
export interface Range {
  file: string
  offset: number
  length: number
  /** What the file was when the range was found. */
  stamp: string
}

/** Where a tensor's bytes lie, as the model tells it: a file relative to its own folder. */
export interface Place {
  location: string
  offset: number
  length: number
}

/** Lets a tensor name its bytes in a data file in the place of holding them. */
export function placeOutside(tensor: TensorProto, { location, offset, length }: Place): void {
  clearField(tensor, TensorProtoSchema.field.rawData)
  tensor.dataLocation = TensorProto_DataLocation.EXTERNAL
  tensor.externalData = Object.entries({ location, offset, length }).map(([key, value]) =>
    create(StringStringEntryProtoSchema, { key, value: String(value) }),
  )
}

/** Git LFS reads no pointer that is larger. */
const largestPointer = 1024

/** One read takes no more than this: Node reads less than 2 GiB at once. */
const largestRead = 2 ** 30

/**
 * Where the external data of a tensor lie, checked against the file that is there.
 * @param needed bytes that the tensor's shape and type call for
 * @param path the model's file
 */
export function externalRange(tensor: TensorProto, needed: number, path: string): Range {
  const file = externalFile(tensor, path)
  const location = JSON.stringify(entry(tensor, 'location'))
  const offset = wholeNumber(tensor, 'offset', path) ?? 0
  const length = wholeNumber(tensor, 'length', path) ?? needed
  if (length !== needed)
    throw new DepthgateError(
      'onnx',
      `${path}: ${titleOf(tensor)} has ${length} bytes in ${location}, and its shape [${tensor.dims}] and type need ${needed}. Export the model again`,
    )
  const found = statSync(file)
  if (offset + length > found.size)
    throw new DepthgateError(
      'onnx',
      `${path}: ${titleOf(tensor)} ends at byte ${offset + length} of ${location}, which has ${found.size}: it was cut short or belongs to another export. Restore it, or export the model again`,
    )
  return { file, offset, length, stamp: stampOf(found) }
}

/**
 * The file that holds the external data of a tensor. It must lie in the model's folder, links followed; where the model
 * itself is a link, as in caches of downloads, beside what it links to.
 */
export function externalFile(tensor: TensorProto, path: string): string {
  const location = entry(tensor, 'location') ?? ''
  const told = `${path}: ${titleOf(tensor)} lies in ${JSON.stringify(location)}`
  if (
    !location ||
    isAbsolute(location) ||
    win32.isAbsolute(location) ||
    location.split(/[\\/]/).includes('..')
  )
    throw new DepthgateError('onnx', `${told}, outside the model's folder. Export it with its data beside it`)
  const file = join(dirname(path), location)
  const real = followed(file)
  if (real === undefined)
    throw new DepthgateError(
      'onnx',
      `${told}, and ${file} does not exist. Put it there: such a model is the .onnx and its data together`,
    )
  const folders = [followed(dirname(path)), dirname(followed(path) ?? path)]
  if (!folders.some(folder => folder !== undefined && isInside(folder, real)))
    throw new DepthgateError(
      'onnx',
      `${told}, a link to ${real}, outside the model's folder. Put the file itself beside the model`,
    )
  const found = statSync(real)
  if (!found.isFile()) throw new DepthgateError('onnx', `${told}, which is no file. Export it again`)
  if (found.size <= largestPointer && isLfsPointer(readFileSync(real)))
    throw new DepthgateError('onnx', `${told}, which is ${lfsPointer}`)
  return file
}

/** Reads a range into new memory. */
export function readRange(range: Range): Uint8Array {
  const { file, offset, length } = range
  let bytes: Uint8Array
  try {
    bytes = new Uint8Array(length)
  } catch (cause) {
    throw new DepthgateError(
      'onnx',
      `${file}: one weight of ${length} bytes is more than this process can hold (${messageOf(cause)}). Node from 22 on holds more than 4 GiB in one array; else split the weight`,
      { cause },
    )
  }
  openRange(range, open => fill(bytes, open, offset, file))
  return bytes
}

/** Opens the file of a range. Throws where it is not what it was when the range was found. */
export function openRange<Result>({ file, stamp }: Range, use: (open: number) => Result): Result {
  let open: number
  try {
    open = openSync(file, 'r')
  } catch (cause) {
    throw new DepthgateError('onnx', `${file}: can no longer be opened (${messageOf(cause)}). Start again`, {
      cause,
    })
  }
  try {
    if (stamp !== stampOf(fstatSync(open)))
      throw new DepthgateError('onnx', `${file}: changed while it was in use. Start again`)
    return use(open)
  } finally {
    closeSync(open)
  }
}

/** Another text for another content of a file, as far as its time and size tell. */
export function stampOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`
}

/** A range to be read part by part. */
export function sourceOf(range: Range): ByteSource {
  const { file, offset, length } = range
  return {
    byteLength: length,
    copy: (into, at) => openRange(range, open => fill(into, open, offset + at, file)),
  }
}

/** Fills `bytes` from an open file, in pieces. */
export function fill(bytes: Uint8Array, open: number, offset: number, file: string): void {
  for (let at = 0; at < bytes.length; ) {
    const read = readSync(open, bytes, at, Math.min(bytes.length - at, largestRead), offset + at)
    if (read === 0)
      throw new DepthgateError('onnx', `${file}: became shorter while it was read. Wait for its writer`)
    at += read
  }
}

function isInside(folder: string, file: string): boolean {
  const way = relative(folder, file)
  return !isAbsolute(way) && way.split(/[\\/]/)[0] !== '..'
}

/** How errors call a tensor. */
export function titleOf({ name }: TensorProto): string {
  return name === '' ? 'a weight without a name' : `the weight ${name}`
}

function entry({ externalData }: TensorProto, key: string): string | undefined {
  return externalData.find(item => item.key === key)?.value
}

function wholeNumber(tensor: TensorProto, key: string, path: string): number | undefined {
  const text = entry(tensor, key)
  if (text === undefined) return undefined
  if (/^\d+$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text)
  throw new DepthgateError(
    'onnx',
    `${path}: ${titleOf(tensor)} has the ${key} ${JSON.stringify(text)}, which is no number of bytes. Export the model again`,
  )
}
