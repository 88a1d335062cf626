import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineSettings } from '../../src/engines/settings.ts'
import type { Question } from '../../src/explain/evaluator.ts'
import { findModel, loadConfig, type Model, sceneNames } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { type InferOptions, inferModel, type MadeHere } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { repo, temporaryFolder, tinyProject, writeConfig } from './files.ts'

export function tinyModel(extra: object = {}): Model {
  return findModel(loadConfig(join(tinyProject(extra), 'depthgate.config.json')), 'tiny')
}

export function pocketModel(): Model {
  return findModel(loadConfig(join(repo, 'depthgate.config.ts')), 'pocket')
}

const networks = join(repo, 'fixtures/networks')

/** The trap networks. */
export const traps = readdirSync(networks, { withFileTypes: true })
  .filter(entry => entry.isDirectory())
  .map(({ name }) => name)

/** What a trap is to come to. @returns `tolerance` and `recipes` of its own, where it has them, and its `runs` */
export function trapCase(trap: string) {
  return JSON.parse(readFileSync(join(networks, trap, 'case.json'), 'utf8'))
}

/** Puts a trap network and its golden into a folder, as `net.onnx` and `golden`. */
export function copyTrap(trap: string, folder: string): void {
  for (const part of ['net.onnx', 'golden'])
    cpSync(join(networks, trap, part), join(folder, part), { recursive: true })
}

type Engines = Readonly<Record<string, EngineSettings>>

/** A project of one trap network and its golden, under a name that says nothing. */
export function trapProject(trap: string, more: Partial<ModelConfig> = {}, engines?: Engines): string {
  const folder = temporaryFolder()
  copyTrap(trap, folder)
  writeConfig(folder, { engines, models: { net: { onnx: 'net.onnx', golden: 'golden', ...more } } })
  return folder
}

/** What `explain` and `mend` are asked about a trap, under its own tolerance, on the first of the engines. */
export function trapQuestion(trap: string, more: Partial<ModelConfig> = {}, engines?: Engines): Question {
  const { tolerance } = trapCase(trap)
  const outputs = tolerance && { outputs: { depth: { tolerance } } }
  const folder = trapProject(trap, { ...outputs, ...more }, engines)
  const model = findModel(loadConfig(join(folder, 'depthgate.config.json')), 'net')
  const [engine = 'cpu'] = Object.keys(engines ?? {})
  return { model, onnx: join(folder, 'net.onnx'), precision: 'fp16', engine, scenes: ['slopes'] }
}

/** Scenes of a model that fail, with their reasons. */
export async function failures(
  model: Model,
  options: Omit<InferOptions, 'scene'>,
  scenes: readonly string[] = sceneNames(model),
  made?: MadeHere,
): Promise<string[]> {
  const found: string[] = []
  for (const scene of scenes) {
    const { verdict } = judgeInference(model, await inferModel(model, { scene, ...options }, made))
    if (!verdict.pass) found.push(`${scene}: ${verdict.reason}`)
  }
  return found
}
