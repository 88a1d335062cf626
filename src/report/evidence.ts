import { join, relative, resolve } from 'node:path'
import { messageOf } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { shellWord } from '../base/shell.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { encodeNpy } from '../depth/npy.ts'
import { encodeImage } from '../depth/png.ts'
import type { Precision } from '../engines/engine.ts'
import type { LoadedConfig, Model } from '../gate/config.ts'
import type { Comparison } from '../gate/judge.ts'
import type { JudgedScene } from '../gate/judge-scene.ts'
import { type LimitName, toleranceFor } from '../gate/tolerance.ts'
import type { Evidence } from './phrase.ts'
import { comparisonPicture } from './picture.ts'

/**
 * Writes, for every map that failed, the picture of golden, engine and error, and the engine's own map.
 * Folder: `<failures>/<model>/<scene>/<precision>-<engine's name in the config>-fusion-<on|off>/`.
 */
export function writeEvidence(
  { root, config }: Pick<LoadedConfig, 'root' | 'config'>,
  model: Model,
  { verdict, comparisons }: JudgedScene,
): Record<string, Evidence> {
  const { engine, fingerprint, precision } = verdict
  const variant = fingerprint ? `${precision}-${engine}-fusion-${fingerprint.fusion}` : `${precision}-array`
  const failures = resolve(root, config.failures ?? '.depthgate/failures')
  const folder = join(failures, verdict.model, verdict.scene, variant)
  const evidence: Record<string, Evidence> = {}
  for (const output of verdict.outputs) {
    if (output.pass || output.type !== 'map') continue
    const comparison = comparisons.find(({ output: name }) => name === output.output)!
    const [truth, actual] = [comparison.golden as DepthMap, comparison.actual as DepthMap]
    const title = `${verdict.model}/${verdict.scene} ${output.output} ${precision}`
    const picture = join(folder, `${output.output}.png`)
    const map = join(folder, `${output.output}.npy`)
    const record = model.golden.manifest.scenes[verdict.scene]!.outputs[output.output]!
    const golden = 'file' in record ? join(model.golden.folder, record.file) : ''
    try {
      writeWhole(picture, encodeImage(comparisonPicture(title, truth, actual, output)))
      writeWhole(map, encodeNpy(actual))
      evidence[output.output] = {
        picture: shown(picture),
        command: compareCommand(shown(map), shown(golden), comparison, precision),
      }
    } catch (thrown) {
      evidence[output.output] = { problem: messageOf(thrown) }
    }
  }
  return evidence
}

/** The pictures among what was written, relative to the config's folder. */
export function picturesOf(
  { root }: Pick<LoadedConfig, 'root'>,
  evidence: Readonly<Record<string, Evidence>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(evidence).flatMap(([output, found]) =>
      'picture' in found ? [[output, relative(root, resolve(found.picture))]] : [],
    ),
  )
}

/** Compares what was judged: the same pixels, under the same limits. */
function compareCommand(
  actual: string,
  golden: string,
  { range = {}, tolerance }: Comparison,
  precision: Precision,
): string {
  const defaults = toleranceFor('metric-depth', precision)
  const limits = Object.entries(tolerance)
    .filter(([name, limit]) => defaults[name as LimitName] !== limit)
    .map(([name, limit]) => `${name}=${limit === false ? 'off' : limit}`)
  const flags = [
    precision === 'fp32' ? '' : ` --precision ${precision}`,
    range.min === undefined ? '' : ` --min ${range.min}`,
    range.max === undefined ? '' : ` --max ${range.max}`,
    limits.length === 0 ? '' : ` --tolerance ${limits.join(',')}`,
  ]
  return `npx depthgate compare ${shellWord(actual)} ${shellWord(golden)}${flags.join('')}`
}

function shown(path: string): string {
  return relative(process.cwd(), path) || path
}
