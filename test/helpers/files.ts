import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import ndarray from 'ndarray'
import { afterAll } from 'vitest'
import { encodeNpy } from '../../src/depth/npy.ts'

export const repo = resolve(import.meta.dirname, '../..')

const folders: string[] = []
// once for the file: a running test cannot add what comes after all
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** A new folder that goes when the test file ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'depthgate-test-'))
  folders.push(folder)
  return folder
}

/** Writes `values` as a float32 .npy of a shape and returns the path. */
export function writeMap(folder: string, name: string, shape: number[], values: readonly number[]): string {
  const path = join(folder, name)
  writeFileSync(path, encodeNpy(ndarray(Float32Array.from(values), shape)))
  return path
}

/** A project with the tiny network, its goldens and a config whose model entry takes `extra`. */
export function tinyProject(extra: object = {}, onnx = 'tiny.onnx'): string {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'models'))
  cpSync(join(repo, 'fixtures/tiny/golden'), join(folder, 'golden'), { recursive: true })
  cpSync(join(repo, 'fixtures/tiny', onnx), join(folder, 'models/tiny.onnx'))
  writeConfig(folder, { models: { tiny: { onnx: 'models/tiny.onnx', ...extra } } })
  return folder
}

export function writeConfig(folder: string, config: unknown): void {
  writeFileSync(join(folder, 'depthgate.config.json'), JSON.stringify(config))
}
