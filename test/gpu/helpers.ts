import { appendFileSync, cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { EngineSettings, TensorrtSettings } from '../../src/engines/settings.ts'
import { findModel, type LoadedConfig, loadConfig, type Model } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import type { Verdict } from '../../src/gate/verdict.ts'
import type { Metrics } from '../../src/metrics/index.ts'
import { repo, temporaryFolder, writeConfig } from '../helpers/files.ts'

/** The Python that has TensorRT, and PyTorch for the comparison of times. */
export const python = process.env.DEPTHGATE_PYTHON ?? 'python3'

/** Builds are quick at a low level and with what builds before them have timed; what is tested here does not depend on kernels. */
export const trt: TensorrtSettings = {
  engine: 'tensorrt',
  python,
  optimizationLevel: Number(process.env.DEPTHGATE_LEVEL ?? 1),
  // one for the projects of all tests
  ...(process.env.DEPTHGATE_GPU_TIMINGS && { timingCache: process.env.DEPTHGATE_GPU_TIMINGS }),
}

export const scenes = ['room', 'street', 'chelsea']

/** The limits of this repository's own config. */
const outputs: NonNullable<ModelConfig['outputs']> = {
  inverse_depth: { range: { min: 0.01 } },
  depth: { range: { min: 0.1, max: 60 }, tolerance: { bf16: { rmse: '15%' } } },
}

export const recipes: NonNullable<ModelConfig['recipes']> = {
  // TensorRT 10.6 has no kernel of BF16 for it
  bf16: { keep: ['Resize', 'ConvTranspose'] },
  int8: { keep: ['/^head\\./', '/^decoder\\.levels\\.\\d\\.(up|out)\\./'] },
}

/**
 * The folder of a project whose plans several test files share, so that each is built once: one that
 * DEPTHGATE_GPU_PROJECT names, else one of the file's own.
 */
export function sharedFolder(): string {
  const folder = process.env.DEPTHGATE_GPU_PROJECT
  if (!folder) return temporaryFolder()
  mkdirSync(folder, { recursive: true })
  return folder
}

/** A project with the bundled network, by default in a folder of its own: its plans are then built anew. */
export function pocketProject(
  engines: Record<string, EngineSettings>,
  extra: Partial<ModelConfig> = {},
  folder = temporaryFolder(),
): { config: LoadedConfig; model: Model; folder: string } {
  cpSync(join(repo, 'models/pocket/pocket.onnx'), join(folder, 'pocket.onnx'))
  cpSync(join(repo, 'golden/pocket'), join(folder, 'golden/pocket'), { recursive: true })
  writeConfig(folder, {
    engines,
    models: { pocket: { onnx: 'pocket.onnx', input: 'image', recipes, outputs, ...extra } },
  })
  const config = loadConfig(join(folder, 'depthgate.config.json'))
  return { config, model: findModel(config, 'pocket'), folder }
}

/** The metrics of depth in metres, where a verdict has them. */
export function depthIn({ outputs: judged }: Verdict): Partial<Metrics> {
  const depth = judged.find(({ output }) => output === 'depth')
  return depth?.type === 'map' ? depth.metrics : {}
}

/** Adds a line of JSON to a file of the folder that DEPTHGATE_GPU_OUT names: figures come back even where a test fails. */
export function keep(file: string, figures: unknown): void {
  const folder = process.env.DEPTHGATE_GPU_OUT
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  appendFileSync(join(folder, file), `${JSON.stringify(figures)}\n`)
}
