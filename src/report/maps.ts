import { join } from 'node:path'
import type { NdArray } from 'ndarray'
import { messageOf } from '../base/errors.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { readImage } from '../depth/png.ts'
import { findModel, type LoadedConfig } from '../gate/config.ts'
import type { JudgedRecord, RunRecord } from '../gate/run-record.ts'
import { readOutput } from '../gate/run-store.ts'
import { readInput, readTruth } from '../golden/store.ts'
import { pictureOfTensor } from './case-pictures.ts'
import { fromHere } from './phrase.ts'

/** A run with where its files are: what every report is made of. */
export interface ReportSource {
  run: RunRecord
  /** The folder of run.json, which its arrays are relative to. */
  folder: string
  /** Names the goldens; without it a report has no pictures. */
  config?: LoadedConfig
}

/** Golden and engine of one output. */
export interface MapPair {
  golden: DepthMap
  actual: DepthMap
}

/** The maps behind a verdict, or in words why they are not to be had. A report is never lost over a picture. */
export function readPair(
  { config, folder }: ReportSource,
  record: JudgedRecord,
  output: string,
): MapPair | string {
  const saved = record.outputs?.[output]
  if (!config) return 'no config was found that names the golden'
  if (!saved) return 'the run saved no map of this output'
  try {
    const model = findModel(config, record.model)
    const golden = readTruth(model.golden, record.scene, output)
    const actual = readOutput(folder, saved)
    if (typeof golden === 'number' || typeof actual === 'number') return 'it is one number, not a map'
    if (golden.shape.join() !== actual.shape.join()) return 'golden and engine are of different sizes'
    return { golden, actual }
  } catch (thrown) {
    return fromHere(messageOf(thrown))
  }
}

/** What the network saw, as a picture; undefined where it is none. */
export function readScene(
  { config }: ReportSource,
  { model: name, scene }: JudgedRecord,
): NdArray<Uint8Array> | undefined {
  if (!config) return undefined
  try {
    const { golden } = findModel(config, name)
    const { file } = golden.manifest.scenes[scene]!.input
    return file.endsWith('.png')
      ? readImage(join(golden.folder, file))
      : pictureOfTensor(readInput(golden, scene))
  } catch {
    return undefined
  }
}
