import { join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { sha256, stableJson, writeWhole } from '../base/files.ts'
import { asDepthMap, type DepthMap, formatShape, packed } from '../depth/depth-map.ts'
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
  // at least one pixel must be one that would be compared
  if (!packed(map).some(value => value > 0 && Number.isFinite(value)))
    throw new DepthgateError(
      'golden',
      `${from}: no value of ${formatShape(map.shape)} is finite and above 0; such a golden would compare nothing`,
    )
  return { record: { file, sha256: sha256(bytes), shape: [map.shape[0]!, map.shape[1]!] }, map }
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
