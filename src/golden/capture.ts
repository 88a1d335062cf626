import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, extname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { globSync } from 'tinyglobby'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { sha256File, writeWhole } from '../base/files.ts'
import { parseJson } from '../base/json.ts'
import { checkName, isName, toName } from '../base/names.ts'
import { encodeNpy } from '../depth/npy.ts'
import { derivation, derivedDepth, isFov, primaryOutput } from './kinds.ts'
import type { CaptureRecord, Manifest, OutputKind, Preprocessing } from './manifest.ts'
import { imageTensor } from './preprocess.ts'
import { type Golden, openGolden } from './store.ts'
import { mapRecord, writeFile, writeManifest, writePreview } from './write.ts'

export interface CaptureRequest {
  /** `FILE.py:FACTORY`; the factory takes nothing and returns a torch.nn.Module. */
  model: string
  /** Globs of PNG pictures or .npy tensors at the size that the network takes. */
  scenes: readonly string[]
  /** The golden's folder; its last segment is the model's name. */
  out: string
  /** The network's outputs in the order that it returns them. */
  outputs: Readonly<Record<string, OutputKind>>
  input: Preprocessing
  /** The ONNX that was exported from this model; its hash is kept. */
  onnx?: string
  python?: string
  device?: string
  /** Put the new goldens in the place of old ones. */
  replace?: boolean
  onProgress?: (line: string) => void
}

interface Facts {
  scalars: Record<string, Record<string, number>>
  capture: CaptureRecord
}

/**
 * Runs a PyTorch model in FP32 with TF32 off on every scene and writes its goldens. The folder appears whole or not
 * at all: everything is made beside it and renamed at the end.
 */
export async function capture(request: CaptureRequest): Promise<Golden> {
  const out = resolve(request.out)
  const model = checkName('golden', basename(out))
  const [file, factory] = splitModel(request.model)
  const scenes = findScenes(request.scenes)
  if (existsSync(out) && !request.replace)
    throw new DepthgateError(
      'golden',
      `${request.out}: has goldens already. Add --replace to put new ones in their place`,
    )
  const onnx = request.onnx === undefined ? {} : { onnx: hashOf(request.onnx) }

  const staging = join(dirname(out), `.${model}.capture-${process.pid}`)
  const outputs = outputSpecs(request.outputs)
  try {
    mkdirSync(join(staging, 'work'), { recursive: true })
    const inputs = new Map<string, Manifest['scenes'][string]['input']>()
    for (const [name, path] of scenes) {
      const bytes = readFileSync(path)
      const tensor = imageTensor(bytes, path, request.input)
      inputs.set(name, writeFile(staging, `${name}/input${extname(path)}`, bytes))
      writeWhole(join(staging, 'work', `${name}.npy`), encodeNpy(tensor))
    }
    const facts = await runPython(request, staging, {
      file,
      factory,
      device: request.device ?? null,
      outputs: request.outputs,
      derived: outputs[derivedDepth]?.derived ? derivedDepth : null,
      facts: join(staging, 'work', 'facts.json'),
      scenes: [...scenes.keys()].map(name => ({
        name,
        input: join(staging, 'work', `${name}.npy`),
        folder: join(staging, name),
      })),
    })
    const manifest: Manifest = {
      schemaVersion: 1,
      model,
      input: request.input,
      outputs,
      capture: { ...facts.capture, ...onnx },
      scenes: {},
    }
    const primary = primaryOutput(outputs)
    for (const [name, input] of inputs) {
      const record: Manifest['scenes'][string] = { input, outputs: {} }
      for (const [output, { kind }] of Object.entries(outputs)) {
        if (isFov(kind)) {
          record.outputs[output] = { value: facts.scalars[name]![output]! }
          continue
        }
        const path = `${name}/${output}.npy`
        const { record: map, map: values } = mapRecord(readFileSync(join(staging, path)), path, path)
        record.outputs[output] = map
        if (output === primary) writePreview(staging, name, values, kind)
      }
      manifest.scenes[name] = record
    }
    rmSync(join(staging, 'work'), { recursive: true })
    writeManifest(staging, manifest)
    putInPlace(staging, out)
  } finally {
    rmSync(staging, { recursive: true, force: true })
  }
  return openGolden(out)
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

/** Scene name → file. A glob that matches nothing, or two files of one name, is an error. */
function findScenes(globs: readonly string[]): Map<string, string> {
  const scenes = new Map<string, string>()
  for (const glob of globs) {
    const files = existsSync(glob) ? [glob] : globSync(glob, { expandDirectories: false }).sort()
    if (files.length === 0) throw new DepthgateError('capture', `--scenes ${glob}: matches no file`)
    for (const file of files) {
      const extension = extname(file)
      if (extension !== '.png' && extension !== '.npy')
        throw new DepthgateError(
          'capture',
          `${file}: a scene is a .png or .npy, so that PyTorch and the engine see the same numbers. Convert it at the network's input size`,
        )
      const name = toName(basename(file, extension))
      if (!isName(name))
        throw new DepthgateError(
          'capture',
          `${file}: no scene name can be made of this file name; use a-z 0-9 . _ -`,
        )
      const other = scenes.get(name)
      if (other !== undefined && resolve(other) !== resolve(file))
        throw new DepthgateError(
          'capture',
          `${other} and ${file}: two goldens of one name (${name}). Rename one`,
        )
      scenes.set(name, file)
    }
  }
  return scenes
}

function outputSpecs(outputs: CaptureRequest['outputs']): Manifest['outputs'] {
  const specs: Manifest['outputs'] = {}
  for (const [name, kind] of Object.entries(outputs)) specs[checkName('output', name)] = { kind }
  const canonical = Object.values(outputs).includes('canonical-inverse-depth')
  if (canonical && !derivation(specs))
    throw new DepthgateError(
      'capture',
      'canonical-inverse-depth needs the field of view: declare it with --output NAME=fov',
    )
  if (derivation(specs) && !specs[derivedDepth]) specs[derivedDepth] = { kind: 'metric-depth', derived: true }
  return specs
}

function hashOf(onnx: string): string {
  if (!existsSync(onnx)) throw new DepthgateError('capture', `${onnx}: there is no such file`)
  return sha256File(onnx)
}

async function runPython(
  request: CaptureRequest,
  staging: string,
  work: Record<string, unknown> & { facts: string },
): Promise<Facts> {
  const python = request.python ?? 'python3'
  const order = join(staging, 'work', 'request.json')
  writeWhole(order, JSON.stringify(work))
  const child = spawn(python, [fileURLToPath(new URL('capture.py', import.meta.url)), order], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const said: string[] = []
  const exit = new Promise<number | null>((ended, failed) => {
    child.once('error', failed)
    child.once('close', ended)
  })
  const reading = (async () => {
    for await (const line of createInterface({ input: child.stderr })) {
      said.push(line)
      if (said.length > 60) said.shift()
      if (line.startsWith('captured ')) request.onProgress?.(line)
    }
  })()
  let code: number | null
  try {
    code = await exit
  } catch (cause) {
    throw new DepthgateError(
      'capture',
      `${python}: cannot be started (${messageOf(cause)}). Name your Python with --python`,
      { cause },
    )
  }
  await reading
  const refused = said.findLast(line => line.startsWith('depthgate: '))
  if (refused !== undefined)
    throw new DepthgateError('capture', `${request.model}: ${refused.slice('depthgate: '.length)}`)
  if (code !== 0 || !existsSync(work.facts))
    throw new DepthgateError(
      'capture',
      `${request.model}: Python ended with ${code === null ? 'a signal' : `exit code ${code}`}; its last words:\n${said.slice(-15).join('\n')}`,
    )
  return parseJson(readFileSync(work.facts, 'utf8'), work.facts, 'capture') as Facts
}

/** Renames the finished folder into place; what an older one held besides goldens (baselines) moves along. */
function putInPlace(staging: string, out: string): void {
  if (!existsSync(out)) {
    renameSync(staging, out)
    return
  }
  const owned = new Set([
    'manifest.json',
    ...(existsSync(join(out, 'manifest.json')) ? Object.keys(openGolden(out).manifest.scenes) : []),
  ])
  const old = join(dirname(out), `.${basename(out)}.old-${process.pid}`)
  renameSync(out, old)
  renameSync(staging, out)
  for (const entry of readdirSync(old))
    if (!owned.has(entry) && !existsSync(join(out, entry))) renameSync(join(old, entry), join(out, entry))
  rmSync(old, { recursive: true })
}
