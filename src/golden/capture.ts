import { existsSync, rmSync } from 'node:fs'
import { basename, extname, join, resolve } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder, readSource, writeWhole } from '../base/files.ts'
import { checkName } from '../base/names.ts'
import { encodeNpy } from '../depth/npy.ts'
import { hashOnnx } from '../onnx/hash.ts'
import {
  checkExportedInput,
  checkExportedOutputs,
  type Exported,
  orderRemarks,
  readExported,
} from './exported.ts'
import { derivedDepth, isFov, primaryOutput, withDerived } from './kinds.ts'
import type { Manifest, Preprocessing } from './manifest.ts'
import { checkOutputName } from './names.ts'
import { putInPlace, stagingFor } from './place.ts'
import { imageTensor } from './preprocess.ts'
import { valueRemarks } from './remarks.ts'
import { findScenes } from './scene-files.ts'
import { type Golden, openGolden } from './store.ts'
import { runTorch, type TorchFacts, type TorchRequest } from './torch.ts'
import { mapRecord, writeFile, writeManifest, writePreview } from './write.ts'

export interface CaptureRequest {
  /** `FILE.py:FACTORY`; the factory takes nothing and returns a torch.nn.Module. */
  model: string
  /** Paths and globs of PNG pictures or .npy tensors at the size that the network takes. */
  scenes: readonly string[]
  /** The golden's folder; its last segment is the model's name. */
  out: string
  /** The network's outputs in the order that it returns them; one of kind `ignore` is not kept. */
  outputs: TorchRequest['outputs']
  input: Preprocessing
  /** The ONNX that was exported from this model: it must take the scenes and have the outputs; its hash is kept. */
  onnx?: string
  /** What the ONNX calls an output, where that is another name. */
  onnxNames?: Readonly<Record<string, string>>
  /** Outputs that the gate is told to leave unjudged already, by their names in the ONNX. */
  ignoreOutputs?: readonly string[]
  /** A Python that has PyTorch and NumPy; by default `python3`. */
  python?: string
  /** By default CUDA where PyTorch sees it. */
  device?: string
  /** Put the new goldens in the place of old ones. */
  replace?: boolean
  onProgress?: (line: string) => void
  /** What is odd about the goldens, though they are written. */
  onRemark?: (remark: string) => void
}

/** Where Python's input lies while it runs; no scene can have this name. */
const work = '.work'

/**
 * Runs a PyTorch model in FP32 with TF32 off on every scene and writes its goldens. The folder appears whole or not
 * at all: everything is made beside it and renamed at the end.
 */
export async function capture(request: CaptureRequest): Promise<Golden> {
  const out = resolve(request.out)
  const model = checkName('golden', basename(out))
  const [file, factory] = splitModel(request.model)
  const scenes = findScenes(request.scenes)
  const outputs = outputSpecs(request.outputs)
  if (existsSync(out) && !request.replace)
    throw new DepthgateError(
      'golden',
      `${request.out}: has goldens already. Add --replace to put new ones in their place`,
    )
  const keep = keptBeside(out)
  const exported = request.onnx === undefined ? undefined : readExported(request.onnx)
  const asked = Object.keys(outputs).filter(name => !outputs[name]?.derived)
  if (exported) {
    const { onnxNames = {} } = request
    checkExportedOutputs(exported, asked, onnxNames)
    const named = request.outputs.map(([name]) => onnxNames[name] ?? name)
    for (const remark of orderRemarks(exported, named)) request.onRemark?.(remark)
  }

  const staging = stagingFor(out)
  const leave = () => {
    rmSync(staging, { recursive: true, force: true })
    process.exit(130)
  }
  process.once('SIGINT', leave).once('SIGTERM', leave)
  try {
    const inputs = stageInputs(staging, scenes, request.input, exported)
    const onnx = exported && { onnx: hashOnnx(exported.file) }
    const torch: TorchRequest = {
      file,
      factory,
      device: request.device ?? null,
      outputs: request.outputs,
      derived: outputs[derivedDepth]?.derived ? derivedDepth : null,
      scenes: [...scenes.keys()].map(name => ({
        name,
        input: join(staging, work, `${name}.npy`),
        folder: join(staging, name),
      })),
    }
    const facts = await runTorch(
      request.python ?? 'python3',
      join(staging, work),
      torch,
      request.onProgress ?? (() => {}),
    )
    rmSync(join(staging, work), { recursive: true })
    writeManifest(staging, {
      schemaVersion: 1,
      model,
      input: request.input,
      outputs,
      capture: { ...facts.capture, ...onnx },
      scenes: Object.fromEntries(
        [...inputs].map(([name, input]) => [
          name,
          { input, outputs: outputRecords(staging, name, outputs, facts, request.onRemark ?? (() => {})) },
        ]),
      ),
    })
    putInPlace(staging, out, request.replace ?? false, keep)
  } finally {
    process.off('SIGINT', leave).off('SIGTERM', leave)
    rmSync(staging, { recursive: true, force: true })
  }
  const left = unjudged(request, exported, asked)
  if (left.length > 0)
    request.onRemark?.(
      `not kept: ${left.join(', ')}. The gate wants \`ignoreOutputs: ${JSON.stringify(left)}\` for ${model} in the config${exported ? '' : ', where the ONNX has that'}`,
    )
  return openGolden(out)
}

/** The outputs that the gate would miss a golden of: those of the ONNX; where none is named, those that are not kept on purpose. */
function unjudged(
  { outputs, onnxNames = {}, ignoreOutputs = [] }: CaptureRequest,
  exported: Exported | undefined,
  kept: readonly string[],
): string[] {
  const called = (name: string) => onnxNames[name] ?? name
  const there = exported?.outputs ?? outputs.map(([name]) => called(name))
  const known = [...kept.map(called), ...ignoreOutputs]
  return there.filter(name => !known.includes(name))
}

type SceneRecord = Manifest['scenes'][string]

/** Copies each scene's file as it is, and lays the tensor made of it where Python finds it. */
function stageInputs(
  staging: string,
  scenes: ReadonlyMap<string, string>,
  preprocessing: Preprocessing,
  exported: Exported | undefined,
): Map<string, SceneRecord['input']> {
  try {
    makeFolder(join(staging, work))
  } catch (cause) {
    throw new DepthgateError(
      'write',
      `${staging}: cannot be made (${messageOf(cause)}). Check the folder and its permissions`,
      { cause },
    )
  }
  const inputs = new Map<string, SceneRecord['input']>()
  for (const [name, path] of scenes) {
    const bytes = readSource(path, 'capture', 'Check the path')
    const tensor = imageTensor(bytes, path, preprocessing)
    if (exported) checkExportedInput(exported, path, tensor.shape)
    inputs.set(name, writeFile(staging, `${name}/input${extname(path)}`, bytes))
    writeWhole(join(staging, work, `${name}.npy`), encodeNpy(tensor))
  }
  return inputs
}

/** The records of what Python wrote for one scene, and its preview. */
function outputRecords(
  staging: string,
  scene: string,
  outputs: Manifest['outputs'],
  facts: TorchFacts,
  onRemark: (remark: string) => void,
): SceneRecord['outputs'] {
  const records: SceneRecord['outputs'] = {}
  for (const [output, { kind }] of Object.entries(outputs)) {
    if (isFov(kind)) {
      records[output] = { value: facts.scalars[scene]![output]! }
      continue
    }
    const file = `${scene}/${output}.npy`
    const { record, map } = mapRecord(
      readSource(join(staging, file), 'capture', 'Run the capture again'),
      file,
      file,
    )
    records[output] = record
    for (const remark of valueRemarks(scene, output, map)) onRemark(remark)
    if (output === primaryOutput(outputs)) writePreview(staging, scene, map, kind)
  }
  return records
}

function splitModel(model: string): [file: string, factory: string] {
  const colon = model.lastIndexOf(':')
  if (colon <= 0)
    throw new DepthgateError(
      'capture',
      `--model ${model}: write FILE.py:FACTORY, the factory being a function in that file`,
    )
  const file = model.slice(0, colon)
  if (!existsSync(file)) throw new DepthgateError('capture', `${file}: there is no such file`)
  return [resolve(file), model.slice(colon + 1)]
}

function outputSpecs(outputs: CaptureRequest['outputs']): Manifest['outputs'] {
  const specs: Manifest['outputs'] = {}
  for (const [name, kind] of outputs) if (kind !== 'ignore') specs[checkOutputName(name)] = { kind }
  if (Object.keys(specs).length === 0)
    throw new DepthgateError(
      'capture',
      '--output: every output is ignored, so there is nothing to keep. Give one its KIND',
    )
  return withDerived(specs)
}

/** Which entries of an older golden's folder are not its goldens and move to the new one: baselines, a person's notes. */
function keptBeside(out: string): (entry: string) => boolean {
  if (!existsSync(out)) return () => false
  try {
    const { manifest } = openGolden(out)
    return entry => entry !== 'manifest.json' && !Object.hasOwn(manifest.scenes, entry.normalize('NFC'))
  } catch {
    // the manifest that is replaced may be the damaged one: what it named is not known, baselines are
    return entry => entry === 'baselines'
  }
}
