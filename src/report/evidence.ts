import { join, relative } from 'node:path'
import { writeWhole } from '../base/files.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { encodeNpy } from '../depth/npy.ts'
import { encodeImage } from '../depth/png.ts'
import type { Precision } from '../engines/engine.ts'
import type { LoadedConfig, Model } from '../gate/config.ts'
import type { Range } from '../gate/define-config.ts'
import type { JudgedScene } from '../gate/judge-scene.ts'
import type { Evidence } from './phrase.ts'
import { comparisonPicture } from './picture.ts'

/**
 * Writes, for every map that failed, the picture of golden, engine and error, and the engine's own map.
 * Folder: `<failures>/<model>/<scene>/<precision>-<engine>-<provider>-fusion-<on|off>/`.
 */
export function writeEvidence(
  { root, config }: Pick<LoadedConfig, 'root' | 'config'>,
  model: Model,
  { verdict, comparisons }: JudgedScene,
): Record<string, Evidence> {
  const { fingerprint, precision } = verdict
  const variant = fingerprint
    ? `${precision}-${fingerprint.engine}-${fingerprint.provider}-fusion-${fingerprint.fusion}`
    : `${precision}-array`
  const folder = join(root, config.failures ?? '.depthgate/failures', verdict.model, verdict.scene, variant)
  const evidence: Record<string, Evidence> = {}
  for (const output of verdict.outputs) {
    if (output.pass || output.type !== 'map') continue
    const comparison = comparisons.find(({ output: name }) => name === output.output)!
    const [truth, actual] = [comparison.golden as DepthMap, comparison.actual as DepthMap]
    const title = `${verdict.model}/${verdict.scene} ${output.output} ${precision}`
    const picture = join(folder, `${output.output}.png`)
    const map = join(folder, `${output.output}.npy`)
    writeWhole(picture, encodeImage(comparisonPicture(title, truth, actual, output)))
    writeWhole(map, encodeNpy(actual))
    const record = model.golden.manifest.scenes[verdict.scene]!.outputs[output.output]!
    const golden = 'file' in record ? join(model.golden.folder, record.file) : ''
    evidence[output.output] = {
      picture: shown(picture),
      command: compareCommand(shown(map), shown(golden), precision, comparison.range),
    }
  }
  return evidence
}

/** Compares what was judged: the same pixels, under the same defaults. */
function compareCommand(
  actual: string,
  golden: string,
  precision: Precision,
  { min, max }: Range = {},
): string {
  const flags = [
    precision === 'fp32' ? '' : ` --precision ${precision}`,
    min === undefined ? '' : ` --min ${min}`,
    max === undefined ? '' : ` --max ${max}`,
  ]
  return `npx depthgate compare ${quoted(actual)} ${quoted(golden)}${flags.join('')}`
}

function shown(path: string): string {
  return relative(process.cwd(), path) || path
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
