import { createHash } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmdirSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { DepthgateError, messageOf } from './errors.ts'

/** The whole file. Errors name the file, what is wrong with it and `wayOut`, which begins with a capital. */
export function readSource(path: string, code: string, wayOut: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw unreadable(path, cause, code, wayOut)
  }
}

function unreadable(path: string, cause: unknown, code: string, wayOut: string): DepthgateError {
  const reason = (cause as NodeJS.ErrnoException).code
  const fault =
    reason === 'ENOENT'
      ? 'does not exist'
      : reason === 'EISDIR'
        ? 'is a directory, not a file'
        : `cannot be read (${messageOf(cause)})`
  return new DepthgateError(code, `${path}: ${fault}. ${wayOut}`, { cause })
}

/** Writes a file whole or not at all (temporary name, fsync, rename) and makes its folder. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  try {
    makeFolder(dirname(path))
    writeFileAtomic.sync(
      path,
      typeof content === 'string'
        ? content
        : Buffer.from(content.buffer, content.byteOffset, content.byteLength),
    )
  } catch (cause) {
    throw new DepthgateError(
      'write',
      `${path}: cannot be written (${messageOf(cause)}); what stood there before is unchanged`,
      { cause },
    )
  }
}

/** Makes a folder with those above it. Node's own way never ends where one that is there takes none, such as /proc. */
export function makeFolder(path: string): void {
  const isThere = () => statSync(path, { throwIfNoEntry: false })?.isDirectory()
  if (isThere()) return
  // what is above all, such as a drive that is not there, cannot be made
  if (dirname(path) !== path) makeFolder(dirname(path))
  try {
    mkdirSync(path)
  } catch (thrown) {
    // somebody else may have made it meanwhile
    if (!isThere()) throw thrown
  }
}

/** The path behind all links; undefined where there is nothing. */
export function followed(path: string): string | undefined {
  return existsSync(path) ? realpathSync.native(path) : undefined
}

/** Why nothing can be written into a folder, which need not be there yet. */
export function folderFault(folder: string): string | undefined {
  try {
    if (!statSync(folder).isDirectory()) return `${folder} is no folder`
    accessSync(folder, constants.W_OK)
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException
    const above = dirname(folder)
    return (code === 'ENOENT' || code === 'ENOTDIR') && above !== folder
      ? folderFault(above)
      : messageOf(thrown)
  }
  try {
    // root may write into /proc, which takes nothing: only trying tells
    rmdirSync(mkdtempSync(join(folder, '.depthgate-')))
    return undefined
  } catch (thrown) {
    return `${folder} takes no files (${(thrown as NodeJS.ErrnoException).code})`
  }
}

/** JSON with sorted keys, two spaces and a last newline: the same data always gives the same bytes. */
export function stableJson(value: unknown): string {
  const sorted = (_key: string, item: unknown) =>
    item !== null && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item
  return `${JSON.stringify(value, sorted, 2)}\n`
}

/** SHA-256 of bytes, in hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex')
}

/** SHA-256 of a file of any size, read in pieces: Node refuses to read more than 2 GiB at once. */
export function sha256File(path: string): string {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw unreadable(path, cause, 'read', 'Restore it, or correct the path')
  }
  try {
    const hash = createHash('sha256')
    const piece = Buffer.allocUnsafe(Math.max(1, Math.min(fstatSync(file).size, 1 << 24)))
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece))
      hash.update(piece.subarray(0, read))
    return hash.digest('hex')
  } finally {
    closeSync(file)
  }
}
