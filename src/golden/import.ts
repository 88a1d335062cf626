import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { checkName } from '../base/names.ts'
import { metricDepth } from '../depth/metric-depth.ts'
import { encodeNpy } from '../depth/npy.ts'
import { derivedDepth } from './kinds.ts'
import type { Manifest, OutputKind, Preprocessing } from './manifest.ts'
import { imageTensor } from './preprocess.ts'
import { type Golden, openGolden } from './store.ts'
import { mapRecord, writeFile, writeManifest, writePreview } from './write.ts'

export const importUnits = {
  m: 'metric-depth',
  '1/m': 'inverse-depth',
  canonical: 'canonical-inverse-depth',
  relative: 'relative-depth',
  'relative-inverse': 'relative-inverse-depth',
} as const satisfies Record<string, OutputKind>

export interface ImportRequest {
  /** The folder that holds one folder a model. */
  goldens: string
  model: string
  scene: string
  /** PNG picture or .npy tensor, as the model saw it. */
  input: string
  /** .npy of H×W that PyTorch produced. */
  depth: string
  unit: keyof typeof importUnits
  /** The ONNX output that gives this map. */
  output: string
  /** Horizontal field of view in degrees, for models that predict one. */
  fovDeg?: number
  /** The ONNX output that gives the field of view. */
  fovOutput: string
  /** Where the arrays came from: model, version, device, date. */
  source: string
  preprocessing: Preprocessing
  replace?: boolean
}

/** Adds one scene to a model's goldens from arrays that PyTorch wrote elsewhere. Nothing is written when anything is wrong. */
export function importGolden(request: ImportRequest): Golden {
  const model = checkName('model', request.model)
  const scene = checkName('scene', request.scene)
  const kind = importUnits[request.unit]
  const folder = join(request.goldens, model)
  const name = checkName('output', request.output)
  const { fovDeg } = request
  if (fovDeg !== undefined && !(fovDeg > 0 && fovDeg < 180))
    throw new DepthgateError(
      'import',
      `--fov ${fovDeg}: a horizontal field of view lies between 0 and 180 degrees`,
    )
  if (kind === 'canonical-inverse-depth' && fovDeg === undefined)
    throw new DepthgateError(
      'import',
      '--unit canonical: canonical inverse depth needs the field of view, add --fov DEG',
    )

  const extension = extname(request.input)
  if (extension !== '.png' && extension !== '.npy')
    throw new DepthgateError(
      'import',
      `${request.input}: the input is a .png or .npy, exactly as the model saw it`,
    )
  const inputBytes = readNamed(request.input)
  imageTensor(inputBytes, request.input, request.preprocessing)
  const depthBytes = readNamed(request.depth)
  const { record, map } = mapRecord(depthBytes, `${scene}/${name}.npy`, request.depth)

  const outputs: Manifest['outputs'] = { [name]: { kind } }
  const files: [string, Uint8Array][] = [[record.file, depthBytes]]
  const records: Manifest['scenes'][string]['outputs'] = { [name]: record }
  if (fovDeg !== undefined) {
    const fov = checkName('output', request.fovOutput)
    outputs[fov] = { kind: 'fov' }
    records[fov] = { value: fovDeg }
  }
  if (kind === 'canonical-inverse-depth') {
    const bytes = encodeNpy(metricDepth(map, fovDeg!))
    const derived = mapRecord(bytes, `${scene}/${derivedDepth}.npy`, derivedDepth).record
    outputs[derivedDepth] = { kind: 'metric-depth', derived: true }
    records[derivedDepth] = derived
    files.push([derived.file, bytes])
  }

  const manifest = existsSync(join(folder, 'manifest.json'))
    ? extended(openGolden(folder), outputs, request)
    : { schemaVersion: 1 as const, model, input: request.preprocessing, outputs, scenes: {} }

  // the scene's folder is made beside its place and renamed; the manifest comes last
  const staging = `.${scene}.import-${process.pid}`
  try {
    const input = writeFile(folder, `${staging}/input${extension}`, inputBytes)
    for (const [file, bytes] of files) writeFile(folder, file.replace(scene, staging), bytes)
    writePreview(folder, staging, map, kind)
    manifest.scenes[scene] = {
      input: { ...input, file: `${scene}/input${extension}` },
      outputs: records,
      source: request.source,
    }
    rmSync(join(folder, scene), { recursive: true, force: true })
    renameSync(join(folder, staging), join(folder, scene))
    writeManifest(folder, manifest)
  } finally {
    rmSync(join(folder, staging), { recursive: true, force: true })
  }
  return openGolden(folder)
}

/** The existing manifest, where the new scene is of the same model: same outputs, same preprocessing, free name. */
function extended(
  { folder, manifest }: Golden,
  outputs: Manifest['outputs'],
  request: ImportRequest,
): Manifest {
  const file = join(folder, 'manifest.json')
  if (Object.hasOwn(manifest.scenes, request.scene) && !request.replace)
    throw new DepthgateError(
      'import',
      `${file}: has a golden named ${request.scene} already. Choose another name, or add --replace`,
    )
  const form = (spec: Manifest['outputs']) =>
    JSON.stringify(
      Object.entries(spec)
        .map(([name, { kind }]) => `${name}=${kind}`)
        .sort(),
    )
  if (form(manifest.outputs) !== form(outputs))
    throw new DepthgateError(
      'import',
      `${file}: its scenes have the outputs ${form(manifest.outputs)}, this one ${form(outputs)}. One model, one set of outputs: check --unit, --output and --fov`,
    )
  if (
    JSON.stringify([manifest.input.mean, manifest.input.std]) !==
    JSON.stringify([request.preprocessing.mean, request.preprocessing.std])
  )
    throw new DepthgateError(
      'import',
      `${file}: its scenes are preprocessed with mean ${manifest.input.mean} and std ${manifest.input.std}. Give the same --mean and --std`,
    )
  return manifest
}

function readNamed(path: string): Uint8Array {
  if (!existsSync(path)) throw new DepthgateError('import', `${path}: there is no such file`)
  return readFileSync(path)
}
