import { createHash, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { clearField } from '@bufbuild/protobuf'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder } from '../base/files.ts'
import { externalRange, type Place, placeOutside, type Range, readRange } from './external.ts'
import { type ModelProto, type TensorProto, TensorProtoSchema } from './gen/onnx_pb.ts'
import { rawDataOf } from './left.ts'
import { encodePieces, largestMessage, readModel } from './model.ts'
import { type Piece, sizeOf, writePieces } from './pieces.ts'
import { byteLengthOf, graphsOf, isExternal, tensorsOf } from './tensors.ts'

const { externalData, dataLocation } = TensorProtoSchema.field
/** External data begin at multiples of this, so that they can be mapped into memory. */
const page = 4096
/** Smaller tensors stay in the .onnx. */
const smallest = 1024

/**
 * Writes a model whole or not at all, its weights streamed from where they are. Data that the model still keeps in
 * external files are copied from there; nothing points back to them.
 *
 * External data go to `<file>.<hash>.data` beside the model. A name made of the content never overwrites what an older
 * .onnx needs, and it is there before the .onnx that names it: a crash leaves the old pair or the new one, and at most a
 * data file that nothing names. The data of the .onnx that is replaced are removed.
 * @param from the file that the model was read from; its external data lie relative to it
 * @param external `'auto'`: external data where the model would pass protobuf's 2 GiB; `true`: always; `'as it is'`: data
 *   that the model keeps in external files stay there, and lie beside `path` already
 * @returns the files: the .onnx, and its data where they lie apart
 */
export function writeModel(
  path: string,
  model: ModelProto,
  { from, external = 'auto' }: { from: string; external?: 'auto' | true | 'as it is' },
): string[] {
  const ranges = external === 'as it is' ? new Map() : rangesOf(model, from)
  const apart = external === true || (external === 'auto' && inlineSize(model, ranges) > largestMessage)
  const replaced = ownData(path)
  let data: string | undefined
  try {
    makeFolder(dirname(path))
    data = apart ? writePair(path, model, ranges) : writeSingle(path, model, ranges)
  } catch (cause) {
    if (cause instanceof DepthgateError) throw cause
    throw new DepthgateError(
      'write',
      `${path}: cannot be written (${messageOf(cause)}); what stood there before is unchanged`,
      { cause },
    )
  }
  for (const name of replaced) if (name !== data) removeQuietly(join(dirname(path), name))
  return data === undefined ? [path] : [path, join(dirname(path), data)]
}

/** Where the tensors that are in external data lie. */
function rangesOf(model: ModelProto, from: string): Map<TensorProto, Range> {
  return new Map(
    [...tensorsOf(model)]
      .filter(isExternal)
      .map(tensor => [tensor, externalRange(tensor, byteLengthOf(tensor, from), from)]),
  )
}

/** Bytes of the model as one file. */
export function inlineSize(model: ModelProto, ranges: ReadonlyMap<TensorProto, Range>): number {
  return sizeOf(encodePieces(model, rawDataOf)) + sizeOf([...ranges.values()])
}

function writeSingle(path: string, model: ModelProto, ranges: ReadonlyMap<TensorProto, Range>): undefined {
  staged(path, encoded(path, model, ranges, new Map()), temporary => renameSync(temporary, path))
}

/** Returns the name of the data file, unless all tensors are small. */
function writePair(
  path: string,
  model: ModelProto,
  ranges: ReadonlyMap<TensorProto, Range>,
): string | undefined {
  const { offsets, pieces } = layout(model, ranges)
  if (offsets.length === 0) return writeSingle(path, model, ranges)
  const hash = createHash('sha256')
  return staged(
    path,
    pieces,
    temporary => {
      const name = `${basename(path)}.${hash.digest('hex').slice(0, 16)}.data`
      const file = join(dirname(path), name)
      const places = new Map(
        offsets.map(([tensor, offset, length]) => [tensor, { location: name, offset, length }]),
      )
      staged(path, encoded(path, model, ranges, places), onnx => {
        const isNew = !existsSync(file)
        renameSync(temporary, file)
        try {
          renameSync(onnx, path)
        } catch (cause) {
          if (isNew) removeQuietly(file)
          throw cause
        }
      })
      return name
    },
    bytes => hash.update(bytes),
  )
}

/** Which tensors go to the data file and where: initialisers with raw data, and whatever was in external data before. */
function layout(
  model: ModelProto,
  ranges: ReadonlyMap<TensorProto, Range>,
): { offsets: [tensor: TensorProto, offset: number, length: number][]; pieces: Piece[] } {
  const offsets: [TensorProto, number, number][] = []
  const pieces: Piece[] = []
  let end = 0
  const initializers = [...graphsOf(model)].flatMap(({ initializer }) => initializer)
  for (const tensor of new Set([...initializers, ...ranges.keys()])) {
    const data = ranges.get(tensor) ?? rawDataOf(tensor)
    if (data === undefined || data.length < smallest) continue
    const offset = Math.ceil(end / page) * page
    if (offset > end) pieces.push(new Uint8Array(offset - end))
    pieces.push(data)
    offsets.push([tensor, offset, data.length])
    end = offset + data.length
  }
  return { offsets, pieces }
}

/** The .onnx: tensors that have a place in a data file name it, all others hold their data. */
function encoded(
  path: string,
  model: ModelProto,
  ranges: ReadonlyMap<TensorProto, Range>,
  places: ReadonlyMap<TensorProto, Place>,
): Piece[] {
  const streamed = new Set(model.graph!.initializer)
  const change = (tensor: TensorProto) => {
    clearField(tensor, externalData)
    clearField(tensor, dataLocation)
    const place = places.get(tensor)
    if (place) placeOutside(tensor, place)
    else if (!streamed.has(tensor)) tensor.rawData = readRange(ranges.get(tensor)!)
  }
  const pieces = changed(new Set([...ranges.keys(), ...places.keys()]), change, () =>
    encodePieces(model, tensor =>
      places.has(tensor) ? undefined : (ranges.get(tensor) ?? rawDataOf(tensor)),
    ),
  )
  if (sizeOf(pieces) > largestMessage)
    throw new DepthgateError(
      'onnx',
      `${path}: would have ${sizeOf(pieces)} bytes without its external data, more than protobuf's 2 GiB. Make large Constant nodes initialisers`,
    )
  return pieces
}

/** Changes tensors for as long as `use` runs. */
function changed<Result>(
  tensors: Iterable<TensorProto>,
  change: (tensor: TensorProto) => void,
  use: () => Result,
): Result {
  const before = [...tensors].map(tensor => [tensor, Object.getOwnPropertyDescriptors(tensor)] as const)
  try {
    for (const [tensor] of before) change(tensor)
    return use()
  } finally {
    for (const [tensor, fields] of before) {
      for (const key of Object.keys(tensor)) delete tensor[key as keyof TensorProto]
      Object.defineProperties(tensor, fields)
    }
  }
}

/** Writes pieces to a temporary file in the folder of `path` and has `use` rename it; gone afterwards in any case. */
function staged<Result>(
  path: string,
  pieces: readonly Piece[],
  use: (temporary: string) => Result,
  seen?: (bytes: Uint8Array) => void,
): Result {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`)
  try {
    const file = openSync(temporary, 'wx')
    try {
      writePieces(file, pieces, seen)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    return use(temporary)
  } finally {
    removeQuietly(temporary)
  }
}

/** The data files of the .onnx at `path` that carry its name. */
function ownData(path: string): string[] {
  const start = `${basename(path)}.`
  const own = /^[0-9a-f]{16}\.data$/
  const isOwn = (name: string) => name.startsWith(start) && own.test(name.slice(start.length))
  if (!existsSync(path) || !readdirSync(dirname(path)).some(isOwn)) return []
  try {
    const locations = [...tensorsOf(readModel(path))].map(
      tensor => tensor.externalData.find(({ key }) => key === 'location')?.value ?? '',
    )
    return [...new Set(locations)].filter(isOwn)
  } catch {
    // no model stands there: nothing is known about the files beside it
    return []
  }
}

/** A file that cannot be removed does no harm: nothing names it. */
function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {}
}
