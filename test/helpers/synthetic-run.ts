import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { type DepthMap, depthMap } from '../../src/depth/depth-map.ts'
import { encodeNpy } from '../../src/depth/npy.ts'
import { encodeImage } from '../../src/depth/png.ts'
import { type Fingerprint, type Precision, precisions } from '../../src/engines/engine.ts'
import type { BaselineOutcome } from '../../src/gate/baseline.ts'
import { findModel, type LoadedConfig, loadConfig } from '../../src/gate/config.ts'
import { judge } from '../../src/gate/judge.ts'
import type { CaseRecord, JudgedRecord, RunRecord } from '../../src/gate/run-record.ts'
import { saveRun } from '../../src/gate/run-store.ts'
import { toleranceFor } from '../../src/gate/tolerance.ts'
import type { Verdict } from '../../src/gate/verdict.ts'
import { importGolden } from '../../src/golden/import.ts'
import { readTruth } from '../../src/golden/store.ts'
import { writeConfig } from './files.ts'
import { runOf as plainRun } from './runs.ts'

export interface SyntheticRun {
  config: LoadedConfig
  folder: string
  run: RunRecord
}

interface Options {
  scenes: number
  size: number
  precisions?: readonly Precision[]
  engines?: readonly string[]
}

/**
 * A project in `root` with goldens, and a saved run over it: real maps, judged by the real judge; only the engine is made
 * up, as the golden with noise, blur and bias that grow from one precision to the next.
 */
export function syntheticRun(root: string, options: Options): SyntheticRun {
  const { scenes, size, engines = ['cpu'] } = options
  const names = Array.from({ length: scenes }, (_, i) => `scene-${String(i + 1).padStart(3, '0')}`)
  const random = generator(7)
  mkdirSync(join(root, 'in'), { recursive: true })
  for (const [i, scene] of names.entries()) {
    const { depth, picture } = paint(size, i, random)
    writeFileSync(join(root, 'in/depth.npy'), encodeNpy(depth))
    writeFileSync(join(root, 'in/input.png'), encodeImage(picture))
    importGolden({
      goldens: join(root, 'golden'),
      model: 'made-up',
      scene,
      input: join(root, 'in/input.png'),
      depth: join(root, 'in/depth.npy'),
      unit: 'm',
      output: 'depth',
      fovOutput: 'fov_deg',
      source: 'synthetic',
      preprocessing: { color: 'rgb', layout: 'nchw', mean: [0, 0, 0], std: [1, 1, 1] },
    })
  }
  writeConfig(root, { models: { 'made-up': { onnx: 'models/none.onnx' } } })
  const config = loadConfig(join(root, 'depthgate.config.json'))
  const writer = saveRun(join(root, 'run'))
  const cases: CaseRecord[] = []
  for (const precision of options.precisions ?? (['fp32', 'fp16', 'int8'] as const))
    for (const engine of engines)
      for (const scene of names) {
        const golden = readTruth(findModel(config, 'made-up').golden, scene, 'depth') as DepthMap
        const severity = precisions.indexOf(precision) + engines.indexOf(engine) / 2
        const actual = spoil(golden, severity, names.indexOf(scene), random)
        const name = { model: 'made-up', scene, precision, engine }
        cases.push({
          ...judged(name, golden, actual, 40 / (1 + severity) + 3 * random()),
          outputs: writer.saveOutputs(name, { depth: actual }),
        })
      }
  const run = runOf(cases)
  writer.finish(run)
  return { config, folder: join(root, 'run'), run }
}

/** A run of these cases, as the gate would write it. */
export function runOf(cases: CaseRecord[], parts: Partial<RunRecord> = {}): RunRecord {
  const { header, ...run } = plainRun(cases)
  const host = { ...header.host, node: '20.20.2', cpu: 'a processor' }
  return { ...run, header: { ...header, ended: '2026-11-24T21:41:10.500Z', host }, ...parts }
}

/** What the judge says of one pair of maps, as a record of a run. */
export function judged(
  name: Pick<JudgedRecord, 'model' | 'scene' | 'precision' | 'engine'>,
  golden: DepthMap,
  actual: DepthMap,
  milliseconds = 12,
  baseline?: BaselineOutcome,
): JudgedRecord {
  const output = judge({
    output: 'depth',
    kind: 'metric-depth',
    golden,
    actual,
    tolerance: toleranceFor('metric-depth', name.precision),
  })
  const fingerprint: Fingerprint = {
    onnx: 'd41d8cd98f00b204e9800998ecf8427ed41d8cd98f00b204e9800998ecf8427e',
    precision: name.precision,
    fusion: 'on',
    arithmetic: 'native',
    engine: 'onnxruntime',
    engineVersion: '1.30.0',
    provider: name.engine,
    device: 'a processor',
  }
  const verdict: Verdict = {
    model: name.model,
    scene: name.scene,
    precision: name.precision,
    pass: output.pass,
    reason: `depth: ${output.reason}`,
    outputs: [output],
    fingerprint,
    notes: [],
  }
  if (!output.pass)
    verdict.attribution = {
      cause: 'number format',
      reason: 'FP32 keeps the tolerance; rounding every tensor breaks it',
      output: 'depth',
      unit: 'absRel',
      corners: [
        { precision: 'fp32', fusion: 'off', arithmetic: 'native', pass: true, error: 1e-7, added: 1e-7 },
        { precision: 'fp32', fusion: 'on', arithmetic: 'native', pass: true, error: 2e-4, added: 2e-4 },
        {
          precision: name.precision,
          fusion: 'off',
          arithmetic: 'emulated',
          pass: false,
          error: 0.02,
          added: 0.021,
        },
        {
          precision: name.precision,
          fusion: 'on',
          arithmetic: 'emulated',
          pass: false,
          error: 0.023,
          added: 0.004,
        },
      ],
    }
  return {
    ...name,
    type: 'judged',
    milliseconds,
    verdict,
    baseline:
      baseline ?? (output.pass ? { type: 'none', key: 'k', missing: [] } : { type: 'unjudged', key: 'k' }),
  }
}

/** A floor that runs to the back, a wall, and balls before it; the picture is its shading with texture. */
function paint(size: number, seed: number, random: () => number) {
  const depth = new Float32Array(size * size)
  const pixels = new Uint8Array(size * size * 3)
  const balls = Array.from({ length: 4 }, (_, i) => ({
    x: size * (0.2 + 0.2 * i + 0.05 * Math.sin(seed * 3 + i)),
    y: size * (0.4 + 0.25 * Math.sin(seed + 2 * i)),
    radius: size * (0.06 + 0.03 * ((seed + i) % 3)),
    near: 1 + i,
  }))
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      const floor = y > size * 0.55 ? (size * 1.2) / (y - size * 0.45) : 12
      let value = Math.min(12 + (2 * x) / size, floor)
      for (const ball of balls) {
        const inside = 1 - ((x - ball.x) ** 2 + (y - ball.y) ** 2) / ball.radius ** 2
        if (inside > 0) value = Math.min(value, ball.near + 0.5 * (1 - Math.sqrt(inside)))
      }
      const i = y * size + x
      depth[i] = value
      const light = 40 + 190 / (1 + value / 4) + 40 * (random() - 0.5)
      pixels.set([light, light * (0.8 + (0.2 * x) / size), light * 0.7], i * 3)
    }
  return { depth: depthMap(depth, size, size), picture: ndarray(pixels, [size, size, 3]) }
}

function spoil(golden: DepthMap, severity: number, seed: number, random: () => number): DepthMap {
  const [height = 0, width = 0] = golden.shape
  const noise = 2e-5 * 4 ** (severity * 1.15) * (0.6 + (seed % 5) / 5)
  const out = Float32Array.from(golden.data, (value, i) => {
    const [y, x] = [Math.floor(i / width), i % width]
    const drift = noise * Math.sin((x + seed * 40) / (width / 9)) * Math.cos(y / (height / 6))
    return value * (1 + drift + noise * (random() - 0.5))
  })
  // one wrong patch in every third scene of a low precision
  if (severity > 3 && seed % 3 === 1)
    for (let y = 0; y < height / 8; y++)
      for (let x = 0; x < width / 8; x++) out[(y + (height >> 2)) * width + x + (width >> 1)]! *= 1.6
  return depthMap(out, height, width)
}

/** Mulberry32: the same maps on every machine. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
