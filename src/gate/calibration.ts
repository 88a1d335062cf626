import { join } from 'node:path'
import { sha256File } from '../base/files.ts'
import type { Calibration } from '../engines/engine.ts'
import { type Golden, readInput } from '../golden/store.ts'

/** Every scene of a golden, for a quantiser; read when it is asked for. */
export function calibrationOf(golden: Golden): Calibration {
  return {
    hash: sha256File(join(golden.folder, 'manifest.json')),
    *tensors() {
      for (const scene of Object.keys(golden.manifest.scenes).sort()) yield readInput(golden, scene)
    },
  }
}
