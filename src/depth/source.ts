/** What Git LFS leaves in a file's place until it is fetched. */
export const lfsPointer =
  'a Git LFS pointer, not the file itself (run: git lfs pull; in a workflow: `lfs: true` for its checkout)'
const lfsStart = 'version https://git-lfs'

const signatures: readonly [bytes: string, what: string][] = [
  ['\x93NUMPY', 'an .npy file'],
  ['\x89PNG', 'a PNG'],
  ['\xff\xd8\xff', 'a JPEG'],
  ['PK\x03\x04', 'a zip archive (.npz or .pt)'],
  ['\x89HDF\r\n', 'an HDF5 file'],
  ['\x1f\x8b', 'a gzip file'],
  ['GIF8', 'a GIF'],
  ['BM', 'a BMP'],
  ['II*\0', 'a TIFF'],
  ['MM\0*', 'a TIFF'],
  [lfsStart, lfsPointer],
]

/** What a file's first bytes make it look like, for errors; undefined where nothing known begins so. */
export function looksLike(bytes: Uint8Array): string | undefined {
  const head = latin1(bytes.subarray(0, 24))
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'a WebP'
  if (bytes[0] === 0x80 && bytes[1]! >= 2 && bytes[1]! <= 5)
    return 'a Python pickle (never opened here: it can run code)'
  return signatures.find(([start]) => head.startsWith(start))?.[1]
}

export function isLfsPointer(bytes: Uint8Array): boolean {
  return latin1(bytes.subarray(0, lfsStart.length)) === lfsStart
}

export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
