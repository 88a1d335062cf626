import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { type DepthMap, depthMap, type FloatArray, packed } from '../../src/depth/depth-map.ts'
import { encodeNpy, readNpy } from '../../src/depth/npy.ts'
import { releaseEngines } from '../../src/engines/pool.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { Range } from '../../src/gate/define-config.ts'
import { exportFailure } from '../../src/gate/export-failure.ts'
import { runGate } from '../../src/gate/gate.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import type { Tolerance } from '../../src/gate/tolerance.ts'
import { importGolden } from '../../src/golden/import.ts'
import type { Preprocessing } from '../../src/golden/manifest.ts'
import { temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'

const benign = join(import.meta.dirname, '../../fixtures/networks/benign')
const slopes = join(benign, 'golden/slopes')
/** What the network takes, pixels of 0…1, and what it gives. */
const picture = readNpy(join(slopes, 'input.npy'))
const depth = readNpy(join(slopes, 'depth.npy'))
const [height = 0, width = 0] = depth.shape
const area = height * width
const raw: Preprocessing = { color: 'rgb', layout: 'nchw', mean: [0, 0, 0], std: [1, 1, 1] }

type Values = (value: number, index: number, all: FloatArray) => number
const same: Values = value => value
interface Golden {
  input?: Values
  depth?: Values
  preprocessing?: Preprocessing
}

/** Why the network fails whose goldens are those of `benign`, changed. */
async function reasonFor(
  scenes: Record<string, Golden>,
  precision: 'fp32' | 'fp16' = 'fp32',
  limits: Tolerance = {},
  { range, damage }: { range?: Range; damage?: string } = {},
) {
  const folder = temporaryFolder()
  for (const [scene, { input = same, depth: truth = same, preprocessing = raw }] of Object.entries(scenes)) {
    const file = (name: string, values: FloatArray, shape: number[]) => {
      writeFileSync(join(folder, name), encodeNpy(ndarray(Float32Array.from(values), shape)))
      return join(folder, name)
    }
    importGolden({
      goldens: join(folder, 'golden'),
      model: 'net',
      scene,
      input: file('x.npy', picture.data.map(input), [...picture.shape]),
      depth: file('d.npy', packed(depth).map(truth), [height, width]),
      unit: 'm',
      output: 'depth',
      fovOutput: 'fov',
      source: 'a test',
      preprocessing,
    })
  }
  if (damage !== undefined) writeFileSync(join(folder, 'golden/net', damage), 'damaged')
  const depthOutput = { tolerance: { fp32: limits }, ...(range && { range }) }
  writeConfig(folder, {
    models: { net: { onnx: join(benign, 'net.onnx'), outputs: { depth: depthOutput } } },
  })
  const config = loadConfig(join(folder, 'depthgate.config.json'))
  const model = findModel(config, 'net')
  const [scene = ''] = Object.keys(scenes)
  for await (const { record } of runGate(config, [{ model, precision, scene, engine: 'cpu' }])) {
    await releaseEngines()
    if (record.type !== 'judged') throw new Error(JSON.stringify(record))
    expect(record.verdict).toMatchObject({ pass: false, attribution: { cause: 'export' } })
    return record.verdict.attribution!.reason
  }
  throw new Error('nothing ran')
}

describe('a broken export is told by what it does', () => {
  test.each<[string, Golden, RegExp]>([
    [
      'a mirrored map',
      { depth: (_value, i, all) => all[i - (i % width) + width - 1 - (i % width)]! },
      /made the goldens; its map is the golden mirrored left to right: turned back, absRel is \S+e-\d+ instead of 0\.\d+\. Look for a flip/,
    ],
    ['another unit', { depth: value => value / 1000 }, /the golden times 1000: divided by that/],
    ['inverse depth', { depth: value => 3 / value }, /its map is 3 divided by the golden: inverted/],
    [
      'blue before red',
      { input: (_value, i, all) => all[(2 - Math.floor(i / area)) * area + (i % area)]! },
      /fed with its channels in the order blue, green, red it gives the golden: absRel is \S+ instead of/,
    ],
    [
      'normalised twice',
      {
        input: value => (value - 0.5) / 0.25,
        preprocessing: { ...raw, mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
      },
      /fed with pixels of 0…1, not normalised, it gives the golden/,
    ],
    [
      'a constant',
      { depth: (value, i) => value * (1 + (i % 7) / 10) },
      /Export it again; compare weights and constants/,
    ],
  ])('%s', async (_name, golden, reason) => {
    expect(await reasonFor({ s: golden })).toMatch(reason)
  })

  test('or the limit is too tight for FP32', async () => {
    const reason = await reasonFor({ s: { depth: value => value * (1 + 1e-6) } }, 'fp32', { absRel: 1e-9 })
    expect(reason).toMatch(
      /tolerance: no pixel is off by more than 1\.\d+e-4 %, which is what FP32 loses by itself\. The limit is tighter/,
    )
  })

  test('but not where pixels stray into the range, which no error of the others tells', async () => {
    // the golden says far there, the network something that counts
    const far: Values = (value, i) => (i % width < 4 ? 1e4 : value)
    const reason = await reasonFor({ s: { depth: far } }, 'fp32', {}, { range: { max: 1e3 } })
    expect(reason).not.toContain('raise it')
    expect(reason).toContain('the ONNX is not the network that made the goldens')
  })

  test('by the output that is beyond what FP32 loses, though another fails first', async () => {
    const model = findModel(loadConfig(join(tinyProject(), 'depthgate.config.json')), 'tiny')
    const inference = await inferModel(model, { scene: 'waves', fusion: 'off' })
    const { inverse_depth, ...others } = inference.outputs as Record<string, DepthMap>
    const twice = depthMap(
      packed(inverse_depth!).map(value => 2 * value),
      24,
      32,
    )
    const exported = { ...inference, outputs: { ...others, inverse_depth: twice } }
    const { outputs } = judgeInference(model, exported, { tolerance: { absRel: 1e-12 } }).verdict
    expect(outputs.map(({ output, pass }) => [output, pass])).toEqual([
      ['depth', false],
      ['fov_deg', true],
      ['inverse_depth', false],
    ])
    expect(await exportFailure(model, exported, outputs)).toMatch(/its map is the golden times 2:/)
  })

  test('scenes that were mixed up', async () => {
    const other: Values = (value, i) => value * (1 + (i % 7) / 10)
    const reason = await reasonFor({ room: { depth: other }, street: {} })
    expect(reason).toMatch(/the golden of the scene street: to that absRel is \S+ instead of/)
  })

  test('a scene that cannot be read is none that a map is looked for among', async () => {
    const other: Values = (value, i) => value * (1 + (i % 7) / 10)
    const scenes = { room: { depth: other }, hall: {}, street: {} }
    expect(await reasonFor(scenes, 'fp32', {}, { damage: 'hall/depth.npy' })).toMatch(/of the scene street/)
  })

  test('at a reduced precision too, by its run in FP32', async () => {
    expect(await reasonFor({ s: { depth: value => value / 1000 } }, 'fp16')).toMatch(/the golden times 1000/)
  })
})
