import { basename, join, relative, resolve, sep } from 'node:path'
import { followed } from '../base/files.ts'
import { configFileNames, goldenFolder, type LoadedConfig, onnxByPrecision } from '../gate/config.ts'
import type { ModelConfig } from '../gate/define-config.ts'
import type { SavedRun } from '../gate/run-store.ts'
import { openGolden } from '../golden/store.ts'
import { externalFiles } from '../onnx/hash.ts'
import { given, type Source } from './output.ts'

/** An ONNX, and the files that hold its weights. */
export function onnxSource(onnx: string, what = 'is the model itself'): Source {
  return path =>
    given(what, onnx)(path) ?? given(`holds weights of ${onnx}`, ...attempt(() => externalFiles(onnx)))(path)
}

/** A config by its name, for a command that reads none. */
export const anyConfig: Source = path =>
  configFileNames.includes(basename(path)) ? 'is a config' : undefined

/** Everything that a config names: itself, models, plans. */
export function configSources(config: LoadedConfig): Source[] {
  return [...modelSources(config), ...planSources(config)]
}

/** A config, and what its models are made of: ONNX files, goldens, ground truth. */
export function modelSources({ file, root, config }: LoadedConfig): Source[] {
  return [
    given('is the config', file),
    ...Object.entries(config.models).flatMap(([name, model]) => {
      const golden = goldenFolder(root, name, model)
      return [
        ...Object.entries(onnxByPrecision(model)).map(([precision, onnx]) =>
          onnxSource(resolve(root, onnx), `is the ${precision} ONNX of ${name}`),
        ),
        goldenSource(golden, name),
        truthSource(golden, name, root, model),
      ]
    }),
  ]
}

function planSources({ root, config }: LoadedConfig): Source[] {
  return Object.entries(config.models).flatMap(([name, { recipes = {} }]) =>
    Object.entries(recipes).flatMap(([precision, recipe]) =>
      typeof recipe === 'string' ? [given(`is the ${precision} plan of ${name}`, resolve(root, recipe))] : [],
    ),
  )
}

/** A saved run: its record and its maps. */
export function runSource({ run, folder }: SavedRun): Source {
  const maps = run.cases.flatMap(record =>
    record.type === 'judged' ? Object.values(record.outputs ?? {}) : [],
  )
  const files = ['run.json', ...maps.flatMap(map => ('file' in map ? [map.file] : []))]
  return given('belongs to the saved run', ...files.map(file => join(folder, file)))
}

/** Other files may lie in a golden's folder, which may be the whole project. */
function goldenSource(folder: string, name: string): Source {
  return path => {
    const [first = '', ...rest] = relative(followed(folder) ?? folder, path).split(sep)
    const own =
      rest.length === 0 ? first === 'manifest.json' : ['baselines', ...scenesIn(folder)].includes(first)
    return own ? `belongs to the golden of ${name}` : undefined
  }
}

function truthSource(golden: string, name: string, root: string, { truth }: ModelConfig): Source {
  const files = () => scenesIn(golden).map(scene => resolve(root, truth!.file.replaceAll('{scene}', scene)))
  return path => (truth ? given(`is ground truth of ${name}`, ...files())(path) : undefined)
}

function scenesIn(golden: string): readonly string[] {
  return attempt(() => Object.keys(openGolden(golden).manifest.scenes))
}

/** What cannot be read tells nothing; whoever needs it says so. */
function attempt<Found>(find: () => readonly Found[]): readonly Found[] {
  try {
    return find()
  } catch {
    return []
  }
}
