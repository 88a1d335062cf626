import { createHash } from 'node:crypto'
import { closeSync, fstatSync, mkdirSync, openSync, readSync } from 'node:fs'
import { dirname } from 'node:path'
import writeFileAtomic from 'write-file-atomic'
import { DepthgateError, messageOf } from './errors.ts'

/** Writes a file whole or not at all (temporary name, fsync, rename) and makes its folder. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
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
  const file = openSync(path, 'r')
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
