import { existsSync, renameSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder, readSource, sha256, writeWhole } from '../base/files.ts'
import { withLock } from '../base/lock.ts'
import { checkName } from '../base/names.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { metricDepth } from '../depth/metric-depth.ts'
import { encodeNpy } from '../depth/npy.ts'
import { derivedDepth, withDerived } from './kinds.ts'
import type { Manifest, OutputKind, Preprocessing } from './manifest.ts'
import { checkOutputName, checkSceneName } from './names.ts'
import { imageTensor } from './preprocess.ts'
import { sizeRemarks, valueRemarks } from './remarks.ts'
import { type Golden, openGolden } from './store.ts'
import { mapRecord, writeManifest, writePreview } from './write.ts'

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
  /** What is odd about the golden, though it is written. */
  onRemark?: (remark: string) => void
}

/** Adds one scene to a model's goldens from arrays that PyTorch wrote elsewhere. Nothing is written when anything is wrong. */
export function importGolden(request: ImportRequest): Golden {
  const folder = join(request.goldens, checkName('model', request.model))
  checkSceneName(request.scene)
  const scene = readScene(request)
  try {
    makeFolder(folder)
  } catch (cause) {
    throw new DepthgateError(
      'write',
      `${folder}: cannot be made (${messageOf(cause)}). Check the folder and its permissions`,
      { cause },
    )
  }
  // read, change and write of the manifest belong together: of two imports at once neither may lose the other's scene
  const golden = withLock(join(folder, '.lock'), () => addScene(folder, request, scene))
  for (const remark of scene.remarks) request.onRemark?.(remark)
  return golden
}

/** What an import brings: checked, and not yet written. */
interface Incoming {
  outputs: Manifest['outputs']
  records: Manifest['scenes'][string]['outputs']
  /** File name inside the scene's folder → bytes. */
  files: Map<string, Uint8Array>
  input: string
  map: DepthMap
  remarks: string[]
}

function readScene(request: ImportRequest): Incoming {
  const { scene, fovDeg } = request
  const kind = importUnits[request.unit]
  const name = checkOutputName(request.output)
  if (request.source.trim() === '')
    throw new DepthgateError('import', '--source is empty: say where the arrays came from')
  if (fovDeg !== undefined && !(fovDeg > 0 && fovDeg < 180))
    throw new DepthgateError(
      'import',
      `--fov ${fovDeg}: a horizontal field of view lies between 0 and 180 degrees`,
    )
  const extension = extname(request.input)
  if (extension !== '.png' && extension !== '.npy')
    throw new DepthgateError(
      'import',
      `${request.input}: the input is a .png or .npy, exactly as the model saw it`,
    )

  if (fovDeg !== undefined && request.fovOutput === name)
    throw new DepthgateError(
      'import',
      `--output and --fov-output are both ${name}: the map and the field of view are two outputs`,
    )
  const given: Manifest['outputs'] = { [name]: { kind } }
  if (fovDeg !== undefined) given[checkOutputName(request.fovOutput)] = { kind: 'fov' }
  const outputs = withDerived(given)

  const inputBytes = readSource(request.input, 'import', 'Check the path')
  const tensor = imageTensor(inputBytes, request.input, request.preprocessing)
  const depthBytes = readSource(request.depth, 'import', 'Check the path')
  const { record, map } = mapRecord(depthBytes, `${scene}/${name}.npy`, request.depth)
  const incoming: Incoming = {
    outputs,
    records: { [name]: record },
    files: new Map([
      [`input${extension}`, inputBytes],
      [`${name}.npy`, depthBytes],
    ]),
    input: `input${extension}`,
    map,
    remarks: [...valueRemarks(scene, name, map), ...sizeRemarks(scene, name, map, tensor.shape)],
  }
  if (fovDeg !== undefined) incoming.records[request.fovOutput] = { value: fovDeg }
  if (outputs[derivedDepth]?.derived) {
    const bytes = encodeNpy(metricDepth(map, fovDeg!))
    incoming.files.set(`${derivedDepth}.npy`, bytes)
    incoming.records[derivedDepth] = mapRecord(bytes, `${scene}/${derivedDepth}.npy`, derivedDepth).record
  }
  return incoming
}

/**
 * The scene's folder is made beside its place and renamed; an older one moves aside and goes when the manifest names the
 * new one, so that whatever is interrupted, both are still on disk.
 */
function addScene(folder: string, request: ImportRequest, incoming: Incoming): Golden {
  const { scene } = request
  const existing = existsSync(join(folder, 'manifest.json')) ? openGolden(folder) : undefined
  const manifest = existing
    ? extended(existing, incoming.outputs, request)
    : {
        schemaVersion: 1 as const,
        model: request.model,
        input: request.preprocessing,
        outputs: incoming.outputs,
        scenes: {} as Manifest['scenes'],
      }
  const listed = Object.hasOwn(manifest.scenes, scene)
  if (!listed && existsSync(join(folder, scene)))
    throw new DepthgateError(
      'import',
      `${join(folder, scene)}: is there, but the manifest does not name it; a crash may have left it. Remove it, or choose another name`,
    )

  const staging = `.${scene}.import-${process.pid}`
  const old = `.${scene}.old-${process.pid}`
  try {
    for (const [file, bytes] of incoming.files) writeWhole(join(folder, staging, file), bytes)
    writePreview(folder, staging, incoming.map, importUnits[request.unit])
    manifest.scenes[scene] = {
      input: { file: `${scene}/${incoming.input}`, sha256: sha256(incoming.files.get(incoming.input)!) },
      outputs: incoming.records,
      source: request.source,
    }
    if (listed) renameSync(join(folder, scene), join(folder, old))
    renameSync(join(folder, staging), join(folder, scene))
    writeManifest(folder, manifest)
    rmSync(join(folder, old), { recursive: true, force: true })
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
