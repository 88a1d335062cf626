import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import { readSource, sha256 } from '../base/files.ts'
import { parseJson } from '../base/json.ts'
import { didYouMean, thereAre } from '../base/names.ts'
import { validated } from '../base/validate.ts'
import { asDepthMap, type DepthMap, type FloatArray, formatShape } from '../depth/depth-map.ts'
import { parseNpy } from '../depth/npy.ts'
import { isLfsPointer, lfsPointer } from '../depth/source.ts'
import { isFov } from './kinds.ts'
import type { FileRecord, Manifest, SceneRecord } from './manifest.ts'
import { manifestSchema } from './manifest-schema.ts'
import { checkSceneName } from './names.ts'
import { leftBeside } from './place.ts'
import { imageTensor } from './preprocess.ts'

/** The goldens of one model: a folder with manifest.json and one folder a scene. */
export interface Golden {
  readonly folder: string
  readonly manifest: Manifest
}

/** What PyTorch produced for one output: a map, or for a field of view its degrees. */
export type Truth = DepthMap | number

/** Reads and checks a golden's manifest; arrays are read when they are asked for. */
export function openGolden(folder: string): Golden {
  const file = join(folder, 'manifest.json')
  if (!existsSync(file))
    throw new DepthgateError(
      'golden',
      `${file}: there is no golden here${interruptedCapture(folder)}. Make one with \`depthgate capture\` or \`depthgate import\``,
    )
  const manifest = parseManifest(
    Buffer.from(readSource(file, 'golden', 'Restore it from version control')).toString('utf8'),
    file,
  )
  return { folder, manifest }
}

/** Parses a manifest's text. Throws with the file's name on anything that is not a manifest of a known version. */
export function parseManifest(text: string, file: string): Manifest {
  const data = parseJson(text, file, 'manifest')
  const version = (data as { schemaVersion?: unknown } | null)?.schemaVersion
  if (version !== undefined && version !== 1)
    throw new DepthgateError(
      'manifest',
      `${file}: has schemaVersion ${JSON.stringify(version)}, this depthgate reads 1. Update depthgate, or capture the golden again`,
    )
  const manifest = validated<Manifest>(manifestSchema, data, file, 'manifest')
  for (const [name, scene] of Object.entries(manifest.scenes)) {
    checkSceneName(name)
    checkOutputs(manifest, name, scene, file)
  }
  return manifest
}

/** Every scene holds every output that the manifest declares, and no other. */
function checkOutputs(manifest: Manifest, name: string, scene: SceneRecord, file: string): void {
  for (const [output, spec] of Object.entries(manifest.outputs)) {
    const record = scene.outputs[output]
    if (!record)
      throw new DepthgateError(
        'manifest',
        `${file}: scene ${name} lacks the output ${output}. Capture or import the scene again`,
      )
    if ('value' in record !== isFov(spec.kind))
      throw new DepthgateError(
        'manifest',
        `${file}: scene ${name}, output ${output}: a ${spec.kind} is ${isFov(spec.kind) ? 'one number' : 'a map'}`,
      )
  }
  for (const output of Object.keys(scene.outputs))
    if (!manifest.outputs[output])
      throw new DepthgateError(
        'manifest',
        `${file}: scene ${name} has the output ${output}, which the manifest does not declare${didYouMean(output, Object.keys(manifest.outputs))}`,
      )
}

/** The scene's record; an unknown scene is an error that names the nearest. */
function sceneRecord({ folder, manifest }: Golden, scene: string): SceneRecord {
  const record = Object.hasOwn(manifest.scenes, scene) ? manifest.scenes[scene] : undefined
  if (record) return record
  throw new DepthgateError(
    'golden',
    `${join(folder, 'manifest.json')}: has no scene ${JSON.stringify(scene)}${didYouMean(scene, Object.keys(manifest.scenes))}`,
  )
}

/** The exact tensor that the model saw, float32: [1, 3, H, W] from a PNG, any shape from a .npy. */
export function readInput(golden: Golden, scene: string): NdArray<FloatArray> {
  const { input } = sceneRecord(golden, scene)
  return imageTensor(readRecord(golden, input), join(golden.folder, input.file), golden.manifest.input)
}

/** What PyTorch produced for one output of one scene. */
export function readTruth(golden: Golden, scene: string, output: string): Truth {
  const record = sceneRecord(golden, scene).outputs[output]
  const manifest = join(golden.folder, 'manifest.json')
  if (!record)
    throw new DepthgateError(
      'golden',
      `${manifest}: has no output ${JSON.stringify(output)}${thereAre(output, Object.keys(golden.manifest.outputs))}`,
    )
  if ('value' in record) return record.value
  const file = join(golden.folder, record.file)
  const map = asDepthMap(parseNpy(readRecord(golden, record), file), file)
  if (map.shape[0] !== record.shape[0] || map.shape[1] !== record.shape[1])
    throw new DepthgateError(
      'golden',
      `${file}: is ${formatShape(map.shape)}, the manifest says ${formatShape(record.shape)}`,
    )
  return map
}

function readRecord({ folder }: Golden, record: FileRecord): Uint8Array {
  const file = join(folder, record.file)
  if (!existsSync(file))
    throw new DepthgateError(
      'golden',
      `${file}: is missing, ${join(folder, 'manifest.json')} names it. Check it out again${lfsHint}, or capture the golden again`,
    )
  const bytes = readSource(file, 'golden', 'Restore it from version control, or capture the golden again')
  const found = sha256(bytes)
  if (found !== record.sha256)
    throw new DepthgateError(
      'golden',
      `${file}: is not the file that was captured (SHA-256 ${found.slice(0, 12)}…, the manifest says ${record.sha256.slice(0, 12)}…). ` +
        (isLfsPointer(bytes)
          ? `It is ${lfsPointer}`
          : 'Restore it from version control, or capture the golden again'),
    )
  return bytes
}

const lfsHint = ' (with Git LFS: `git lfs pull`)'

/**
 * Files and folders in the golden's folder that its manifest does not name, and what killed captures left beside it.
 * They are never read.
 */
export function strayFiles({ folder, manifest }: Golden): string[] {
  const known = new Set(['manifest.json', 'baselines'])
  for (const [name, scene] of Object.entries(manifest.scenes)) {
    known.add(name)
    known.add(`${name}/preview.png`)
    known.add(scene.input.file)
    for (const record of Object.values(scene.outputs)) if ('file' in record) known.add(record.file)
  }
  const found: string[] = []
  for (const entry of namesIn(folder)) {
    if (!known.has(entry)) found.push(entry)
    else if (entry !== 'baselines' && statSync(join(folder, entry), { throwIfNoEntry: false })?.isDirectory())
      found.push(
        ...namesIn(join(folder, entry))
          .map(file => `${entry}/${file}`)
          .filter(file => !known.has(file)),
      )
  }
  return [...found.sort(), ...leftBeside(folder)]
}

/** As manifests write them: some file systems keep letters and their marks apart. */
function namesIn(folder: string): string[] {
  return readdirSync(folder).map(name => name.normalize('NFC'))
}

function interruptedCapture(folder: string): string {
  const old = leftBeside(folder).find(path => path.includes('.old-'))
  return old === undefined
    ? ''
    : `; a capture was interrupted, the goldens before it are in ${old}: rename that folder back`
}
