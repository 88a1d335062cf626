import {
  closeSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  statSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { checkCache } from '../base/cache.ts'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder } from '../base/files.ts'
import { isAbandoned } from '../base/processes.ts'
import { goesWithProcess } from '../base/temporary.ts'
import { externalFile, placeOutside, type Range, stampOf } from '../onnx/external.ts'
import { type ModelProto, type TensorProto, TensorProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { leaveRawData, rawDataOf } from '../onnx/left.ts'
import { type Piece, writePieces } from '../onnx/pieces.ts'
import { isExternal, tensorsOf } from '../onnx/tensors.ts'
import { writeModel } from '../onnx/write.ts'
import { type ReducedWeight, reduceWeight, type WeightRequest } from '../precision/weights.ts'

/** Weights that take less in FP32 are in the .onnx of every network. */
const large = 2 ** 20

/** Those of this process. */
const folders: string[] = []

/**
 * A folder for the networks that a search tries. Each large weight lies there once, as it is and rounded, and the networks
 * name it as external data: a network is then as large as its graph. ONNX Runtime refuses external data that are not below
 * the model's folder, so what the FP32 model keeps beside it is linked.
 *
 * The folder belongs to this process and goes with it: what a killed one left, the next one removes.
 */
export class TrialStore {
  readonly #folder: string
  readonly #rounded = new Map<string, { kept: Range; dataType: number; facts: ReducedWeight }>()
  readonly #copied = new Map<string, Range>()
  #networks = 0

  /** @param parent of all such folders */
  constructor(parent: string) {
    checkCache(parent)
    sweep(parent)
    this.#folder = join(parent, `trial-${process.pid}-${folders.length}-${hostname()}`)
    folders.push(this.#folder)
    goesWithProcess(this.#folder)
  }

  /** As `reduceWeight`, but a large weight is rounded once and left in the store. */
  readonly round = (tensor: TensorProto, name: string, request: WeightRequest) => {
    const { format, native, flushTiny } = request
    const key = `${format} ${native} ${flushTiny} ${tensor.name}`
    let known = this.#rounded.get(key)
    if (!known) {
      const made = reduceWeight(tensor, name, request)
      const { rawData, dataType } = made.tensor
      if (made.facts.values * 4 < large) return made
      known = { kept: this.#keep(rawData), dataType, facts: made.facts }
      this.#rounded.set(key, known)
    }
    const { dims, docString, metadataProps } = tensor
    const { kept, dataType, facts } = known
    const rounded = create(TensorProtoSchema, { name, dims, docString, metadataProps, dataType })
    leaveRawData(rounded, kept)
    return { tensor: rounded, facts }
  }

  /**
   * Writes a network; it is used up by that.
   * @param from the file that it was made from
   * @returns its path; removing it is the caller's part
   */
  write(model: ModelProto, from: string): string {
    for (const tensor of tensorsOf(model)) if (isExternal(tensor)) this.#link(tensor, from)
    for (const tensor of model.graph!.initializer) {
      const data = rawDataOf(tensor)
      if (data !== undefined && !(data instanceof Uint8Array)) this.#refer(tensor, this.#own(data))
    }
    const path = join(this.#folder, `${basename(from, '.onnx')}-${this.#networks++}.onnx`)
    writeModel(path, model, { from, external: 'as it is' })
    return path
  }

  /** A range of a file of the store, copied there where it is not. */
  #own(range: Range): Range {
    if (dirname(dirname(range.file)) === this.#folder) return range
    const key = `${range.offset} ${range.file}`
    const copied = this.#copied.get(key) ?? this.#keep(range)
    this.#copied.set(key, copied)
    return copied
  }

  #refer(tensor: TensorProto, { file, offset, length }: Range): void {
    const location = relative(this.#folder, file).replaceAll('\\', '/')
    placeOutside(tensor, { location, offset, length })
  }

  /** A file of its own for each weight: none changes once something names it. */
  #keep(data: Piece): Range {
    const file = join(this.#folder, 'trial-weights', String(this.#rounded.size + this.#copied.size))
    return this.#put(file, () => {
      const open = openSync(file, 'wx')
      try {
        writePieces(open, [data])
      } finally {
        closeSync(open)
      }
      return { file, offset: 0, length: data.length, stamp: stampOf(statSync(file)) }
    })
  }

  #link(tensor: TensorProto, from: string): void {
    const source = externalFile(tensor, from)
    const file = join(this.#folder, relative(dirname(from), source))
    if (existsSync(file)) return
    this.#put(file, () => {
      // a link to a link would look for what that one names from here
      const real = realpathSync(source)
      try {
        linkSync(real, file)
      } catch {
        // another file system, or one without links
        copyFileSync(real, file, constants.COPYFILE_FICLONE)
      }
    })
  }

  #put<Result>(file: string, write: () => Result): Result {
    try {
      makeFolder(dirname(file))
      return write()
    } catch (cause) {
      if (cause instanceof DepthgateError) throw cause
      throw new DepthgateError(
        'write',
        `${file}: cannot be written (${messageOf(cause)}). While networks are tried their weights are kept there, in FP32 and rounded: make room`,
        { cause },
      )
    }
  }
}

/** Removes what killed searches left. What cannot be removed, such as another user's, stays: it is in nobody's way. */
function sweep(parent: string): void {
  if (!existsSync(parent)) return
  for (const name of readdirSync(parent)) {
    const folder = join(parent, name)
    if (!isLeft(folder, name)) continue
    try {
      rmSync(folder, { recursive: true, force: true })
    } catch {}
  }
}

/** Whether nobody uses a folder any more. A search writes into its own at every trial. */
function isLeft(folder: string, name: string): boolean {
  const [, pid, host = hostname()] = /^\.?trial-(\d+)-\d+(?:\.onnx|-(.+))?$/.exec(name) ?? []
  if (pid === undefined || folders.includes(folder)) return false
  // in a container every run may have the same number
  const isMine = host === hostname() && Number(pid) === process.pid
  return isMine || isAbandoned(folder, Number(pid), host)
}
