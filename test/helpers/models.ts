import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
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

/** A project of one trap network and its golden, under a name that says nothing. */
export function trapProject(trap: string, more: Partial<ModelConfig> = {}): string {
  const folder = temporaryFolder()
  for (const part of ['net.onnx', 'golden'])
    cpSync(join(repo, 'fixtures/networks', trap, part), join(folder, part), { recursive: true })
  writeConfig(folder, { models: { net: { onnx: 'net.onnx', golden: 'golden', ...more } } })
  return folder
}

/** What `explain` and `mend` are asked about a trap, under its own tolerance. */
export function trapQuestion(trap: string, more: Partial<ModelConfig> = {}): Question {
  const { tolerance } = JSON.parse(readFileSync(join(repo, 'fixtures/networks', trap, 'case.json'), 'utf8'))
  const folder = trapProject(trap, { ...(tolerance && { outputs: { depth: { tolerance } } }), ...more })
  const model = findModel(loadConfig(join(folder, 'depthgate.config.json')), 'net')
  return { model, onnx: join(folder, 'net.onnx'), precision: 'fp16', engine: 'cpu', scenes: ['slopes'] }
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
