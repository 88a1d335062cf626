import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readSource } from '../../base/files.ts'
import { parseJson } from '../../base/json.ts'
import { configFileNames, loadConfig, nearestConfigs } from '../../gate/config.ts'

/** What `init` must know of a folder before it decides anything. */
export interface Project {
  folder: string
  /** Text of package.json and what is in it. */
  manifest?: {
    text: string
    json: object
    module: boolean
    scripts: Record<string, string>
    installed: readonly string[]
  }
  /** The config that is there, and its models. */
  config?: { file: string; models: readonly string[] }
  /** The config of a folder above, which one here takes the place of. */
  above?: string
  vitest?: { file: string; text: string }
  /** Folder of the git repository around it. */
  repository?: string
  /** A file of the project; undefined where there is none. */
  read: (file: string) => Buffer | undefined
}

const scripts = ['ts', 'mts', 'cts', 'js', 'mjs', 'cjs']
const vitestFiles = ['vitest', 'vite'].flatMap(name =>
  scripts.map(extension => `${name}.config.${extension}`),
)

/** Looks at a folder and changes nothing. A config that cannot be loaded is an error: nothing is built on it. */
export function lookAt(folder: string): Project {
  const read = (file: string) =>
    existsSync(join(folder, file))
      ? Buffer.from(readSource(join(folder, file), 'init', 'Move it away'))
      : undefined
  const find = (files: readonly string[]) => files.find(file => existsSync(join(folder, file)))
  const config = find(configFileNames)
  const [above] = config === undefined ? nearestConfigs(dirname(folder)) : []
  const vitest = find(vitestFiles)
  const manifest = read('package.json')?.toString()
  const repository = repositoryAround(folder)
  return {
    folder,
    read,
    ...(manifest !== undefined && { manifest: manifestOf(manifest, join(folder, 'package.json')) }),
    ...(config !== undefined && {
      config: {
        file: config,
        models: Object.keys(loadConfig(join(folder, config)).config.models),
      },
    }),
    ...(above !== undefined && { above }),
    ...(vitest !== undefined && { vitest: { file: vitest, text: String(read(vitest)) } }),
    ...(repository !== undefined && { repository }),
  }
}

interface PackageJson {
  type?: string
  scripts?: Record<string, string>
  dependencies?: object
  devDependencies?: object
}

function manifestOf(text: string, file: string): NonNullable<Project['manifest']> {
  const json = parseJson(text, file, 'init') as PackageJson
  const { type, scripts, dependencies, devDependencies } = json
  return {
    text,
    json,
    module: type === 'module',
    scripts: scripts ?? {},
    installed: Object.keys({ ...dependencies, ...devDependencies }),
  }
}

function repositoryAround(folder: string): string | undefined {
  if (existsSync(join(folder, '.git'))) return folder
  return folder === dirname(folder) ? undefined : repositoryAround(dirname(folder))
}
