import { join } from 'node:path'
import type { NdArray } from 'ndarray'
import { messageOf } from '../base/errors.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { readImage } from '../depth/png.ts'
import { findModel, type LoadedConfig } from '../gate/config.ts'
import type { JudgedRecord, RunRecord } from '../gate/run-record.ts'
import { readOutput } from '../gate/run-store.ts'
import { readInput, readTruth, type Truth } from '../golden/store.ts'
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
export function readPair(source: ReportSource, record: JudgedRecord, output: string): MapPair | string {
  const golden = readGolden(source, record, output)
  if (typeof golden === 'string') return golden
  const actual = readEngine(source, record, output)
  if (typeof actual === 'string') return actual
  if (golden.shape.join() !== actual.shape.join()) return 'golden and engine are of different sizes'
  return { golden, actual }
}

/** The golden's map, or in words why it is not to be had. */
export function readGolden(
  { config }: ReportSource,
  { model, scene }: JudgedRecord,
  output: string,
): DepthMap | string {
  if (!config) return 'no config was found that names the golden'
  return mapOf(() => readTruth(findModel(config, model).golden, scene, output))
}

/** The map that the engine gave, or in words why it is not to be had. */
export function readEngine(
  { folder }: ReportSource,
  { outputs }: JudgedRecord,
  output: string,
): DepthMap | string {
  const saved = outputs?.[output]
  return saved ? mapOf(() => readOutput(folder, saved)) : 'the run saved no map of this output'
}

function mapOf(read: () => Truth): DepthMap | string {
  try {
    const map = read()
    return typeof map === 'number' ? 'it is one number, not a map' : map
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
