import { join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { sha256, stableJson, writeWhole } from '../base/files.ts'
import { asDepthMap, type DepthMap, formatShape } from '../depth/depth-map.ts'
import { parseNpy } from '../depth/npy.ts'
import { encodeImage } from '../depth/png.ts'
import { preview } from '../depth/preview.ts'
import { isInverse } from './kinds.ts'
import type { FileRecord, Manifest, MapRecord, OutputKind } from './manifest.ts'
import { parseManifest } from './store.ts'

/** Writes bytes as `file` in the golden's folder and returns their record. */
export function writeFile(folder: string, file: string, bytes: Uint8Array): FileRecord {
  writeWhole(join(folder, file), bytes)
  return { file, sha256: sha256(bytes) }
}

/** Checks that the bytes are one depth map and returns it with its record; `from` is how errors call it. */
export function mapRecord(
  bytes: Uint8Array,
  file: string,
  from: string,
): { record: MapRecord; map: DepthMap } {
  const array = parseNpy(bytes, from)
  const map = asDepthMap(array, from)
  if (!hasDepth(map))
    throw new DepthgateError(
      'golden',
      `${from}: no value of ${formatShape(map.shape)} is finite and above 0; such a golden would compare nothing`,
    )
  return { record: { file, sha256: sha256(bytes), shape: [map.shape[0]!, map.shape[1]!] }, map }
}

/** Whether one pixel would be compared at all: finite and above 0. */
function hasDepth(map: DepthMap): boolean {
  for (let y = 0; y < map.shape[0]!; y++)
    for (let x = 0; x < map.shape[1]!; x++)
      if (map.get(y, x) > 0 && Number.isFinite(map.get(y, x))) return true
  return false
}

export function writePreview(folder: string, scene: string, map: DepthMap, kind: OutputKind): void {
  writeWhole(
    join(folder, scene, 'preview.png'),
    encodeImage(preview(map, isInverse(kind) ? 'inverse' : 'depth')),
  )
}

/** Writes manifest.json last, so that files without it are recognised as an interrupted write. */
export function writeManifest(folder: string, manifest: Manifest): void {
  const text = stableJson(manifest)
  parseManifest(text, join(folder, 'manifest.json'))
  writeWhole(join(folder, 'manifest.json'), text)
}
