import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findModel, loadConfig, precisionsOf, sceneNames } from '../../../src/gate/config.ts'
import { planGate } from '../../../src/gate/plan.ts'
import type { QuantizedRecipe } from '../../../src/gate/recipe.ts'
import { emptyHistogram } from '../../../src/precision/histogram.ts'
import { repo, temporaryFolder, tinyProject, writeConfig } from '../../helpers/files.ts'

const loadFrom = (folder: string, file = 'depthgate.config.json') => loadConfig(join(folder, file))

describe('the config', () => {
  test('may be TypeScript with imports, and is found from a folder below', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'models.ts'), "export const onnx: string = 'a.onnx'")
    writeFileSync(
      join(folder, 'depthgate.config.ts'),
      "import { defineConfig } from 'depthgate/config'\nimport { onnx } from './models.ts'\nexport default defineConfig({ models: { a: { onnx } } })",
    )
    mkdirSync(join(folder, 'deep/er'), { recursive: true })
    const here = process.cwd()
    try {
      process.chdir(join(folder, 'deep/er'))
      expect(loadConfig()).toMatchObject({ config: { models: { a: { onnx: 'a.onnx' } } } })
      rmSync(join(folder, 'depthgate.config.ts'))
      expect(() => loadConfig()).toThrow(/no depthgate\.config\.ts here or in a folder above/)
    } finally {
      process.chdir(here)
    }
  })

  test('may hold functions and patterns', () => {
    const folder = temporaryFolder()
    writeFileSync(
      join(folder, 'depthgate.config.ts'),
      `import { defineConfig } from 'depthgate/config'
       export default defineConfig({ models: { a: { onnx: 'a', recipes: { int8: {
         keep: [/^head/],
         calibrator: (tensor, { max }) => (tensor === 'x' ? 1 : max),
       } } } } })`,
    )
    const { int8 } = loadFrom(folder, 'depthgate.config.ts').config.models.a!.recipes! as {
      int8: QuantizedRecipe
    }
    expect(int8.keep).toEqual([/^head/])
    expect(int8.calibrator!('y', { ...emptyHistogram(), max: 3 })).toBe(3)
  })

  const wrong: [string, object, RegExp][] = [
    ['no model', { models: {} }, /models/],
    [
      'an unknown key',
      { models: { a: { onnx: 'a', tolerence: {} } } },
      /models\.a: "tolerence" is unknown here/,
    ],
    [
      'a near key',
      { models: { a: { onnx: 'a', ouputs: {} } } },
      /"ouputs" is unknown here; did you mean "outputs"\?/,
    ],
    [
      'an unknown metric',
      { models: { a: { onnx: 'a', outputs: { d: { tolerance: { fp32: { absrel: 1 } } } } } } },
      /"absrel" is unknown here; did you mean "absRel"\?/,
    ],
    [
      'an unknown precision',
      { models: { a: { onnx: 'a', outputs: { d: { tolerance: { fp166: {} } } } } } },
      /"fp166" is unknown here; did you mean "fp16"\?/,
    ],
    [
      'a near precision to run',
      { models: { a: { onnx: 'a', precisions: ['fp166'] } } },
      /precisions\.0: is "fp166", expected one of .*; did you mean "fp16"\?/,
    ],
    [
      'a near precision of an ONNX',
      { models: { a: { onnx: { fp3: 'a' } } } },
      /models\.a\.onnx: "fp3" is unknown here; did you mean "fp32"\?/,
    ],
    [
      'a near key of a recipe',
      { models: { a: { onnx: 'a', recipes: { int8: { keepfirst: true } } } } },
      /recipes\.int8: "keepfirst" is unknown here; did you mean "keepFirst"\?/,
    ],
    [
      'a near key of an engine',
      { models: { a: { onnx: 'a' } }, engines: { gpu: { engine: 'tensorrt', workspaceMib: 1 } } },
      /engines\.gpu: "workspaceMib" is unknown here; did you mean "workspaceMiB"\?/,
    ],
    [
      'a near key of the whole',
      { models: { a: { onnx: 'a' } }, baselines: {} },
      /\(top\): "baselines" is unknown here; did you mean "baseline"\?/,
    ],
    [
      'a negative limit',
      { models: { a: { onnx: 'a', outputs: { d: { tolerance: { fp32: { rmse: -1 } } } } } } },
      /rmse: is -1, expected a number from 0, a percentage/,
    ],
    [
      'a percentage of what has none',
      { models: { a: { onnx: 'a', outputs: { d: { tolerance: { fp32: { absRel: '1%' } } } } } } },
      /absRel: is "1%", expected a number from 0/,
    ],
    ['a model name that leaves the folder', { models: { '../a': { onnx: 'a' } } }, /"\.\.\/a" is not a name/],
    ['no ONNX', { models: { a: {} } }, /models\.a: lacks "onnx"/],
    [
      'an unknown kind of engine',
      { models: { a: { onnx: 'a' } }, engines: { gpu: { engine: 'tensort' } } },
      /engines\.gpu\.engine: is "tensort", expected one of onnxruntime, tensorrt, command; did you mean "tensorrt"\?$/,
    ],
    [
      'a provider that does not exist',
      { models: { a: { onnx: 'a' } }, engines: { gpu: { engine: 'onnxruntime', provider: 'cudda' } } },
      /engines\.gpu\.provider: is "cudda", expected one of cpu, cuda, tensorrt; did you mean "cuda"\?$/,
    ],
    [
      'a key of another engine',
      { models: { a: { onnx: 'a' } }, engines: { gpu: { engine: 'onnxruntime', workspaceMiB: 1 } } },
      /engines\.gpu: "workspaceMiB" is unknown here; there are: engine, precisions, optional, provider, device\.$/,
    ],
    [
      'a command without one',
      { models: { a: { onnx: 'a' } }, engines: { app: { engine: 'command' } } },
      /engines\.app: lacks "command"$/,
    ],
    [
      'a calibration method that is not known',
      { models: { a: { onnx: 'a', recipes: { int8: { calibration: { method: 'mean' } } } } } },
      /recipes\.int8\.calibration\.method: is "mean", expected one of min-max, percentile, entropy$/m,
    ],
    [
      'a percentile that keeps nothing',
      { models: { a: { onnx: 'a', recipes: { fp8: { calibration: { percentile: 0 } } } } } },
      /recipes\.fp8\.calibration\.percentile: 0 must be > 0/,
    ],
    [
      'an operator that is not quantised',
      { models: { a: { onnx: 'a', recipes: { int8: { operators: ['Softmax'] } } } } },
      /recipes\.int8\.operators\.0: is "Softmax", expected one of Conv, ConvTranspose, Gemm, MatMul$/m,
    ],
    ...[3, 'max', { max: 1 }, [1]].map((calibrator): [string, object, RegExp] => [
      `${JSON.stringify(calibrator)} as a calibrator`,
      { models: { a: { onnx: 'a', recipes: { int8: { calibrator } } } } },
      /recipes\.int8\.calibrator: is .*, expected a function \(tensor, histogram\) => range/,
    ]),
    [
      'a rest that is none',
      { models: { a: { onnx: 'a', recipes: { int8: { rest: 'tf32' } } } } },
      /recipes\.int8\.rest: is "tf32", expected one of fp32, fp16, bf16/,
    ],
    [
      'a key of another recipe',
      { models: { a: { onnx: 'a', recipes: { int8: { flushTiny: true } } } } },
      /recipes\.int8: "flushTiny" is unknown here/,
    ],
    [
      'an unknown fusion',
      { models: { a: { onnx: 'a', fusion: 'maybe' } } },
      /fusion: is "maybe", expected one of on, off/,
    ],
  ]
  test.each(wrong)('%s is refused with the place', (_name, config, message) => {
    const folder = temporaryFolder()
    writeConfig(folder, config)
    expect(() => loadFrom(folder)).toThrow(message)
    expect(() => loadFrom(folder)).toThrow(/depthgate\.config\.json: does not fit its schema/)
  })

  test.each([
    ['output depth: range from 80 to 0.1', { outputs: { depth: { range: { min: 80, max: 0.1 } } } }],
    ['output depth: range from 3 to 3', { outputs: { fov: {}, depth: { range: { min: 3, max: 3 } } } }],
    ['output depth: range from 0 to 0', { outputs: { depth: { range: { max: 0 } } } }],
    ['truth: range from 9 to 8', { truth: { file: '{scene}.npy', range: { min: 9, max: 8 } } }],
  ])('%s is refused: min lies below max', (says, model) => {
    const folder = temporaryFolder()
    writeConfig(folder, { models: { net: { onnx: 'a', ...model } } })
    expect(() => loadFrom(folder)).toThrow(
      `depthgate.config.json: model net, ${says}: \`min\` must lie below \`max\``,
    )
  })

  test('that throws, is missing, or stands twice is told by name', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'depthgate.config.ts'), "throw new Error('no licence')")
    expect(() => loadFrom(folder, 'depthgate.config.ts')).toThrow(
      /depthgate\.config\.ts: threw while it was loaded: no licence/,
    )
    expect(() => loadFrom(folder, 'other.json')).toThrow(/other\.json: there is no such file/)
    writeConfig(folder, {})
    const here = process.cwd()
    try {
      process.chdir(folder)
      expect(() => loadConfig()).toThrow(/two configs in one folder/)
    } finally {
      process.chdir(here)
    }
  })
})

describe('a model', () => {
  test('unknown names get the nearest; limits for an output that is not there are refused', () => {
    const config = loadFrom(tinyProject())
    expect(() => findModel(config, 'tiney')).toThrow(/has no model "tiney"; did you mean "tiny"\?/)
    const wrong = loadFrom(tinyProject({ outputs: { dept: {} } }))
    expect(() => findModel(wrong, 'tiny')).toThrow(/limits for the output "dept".*did you mean "depth"\?/)
  })

  test('the gate runs every precision that it names', () => {
    expect(precisionsOf(findModel(loadFrom(tinyProject()), 'tiny'))).toEqual(['fp32'])
    const two = tinyProject({ onnx: { fp32: 'a.onnx', fp16: 'b.onnx' } })
    expect(precisionsOf(findModel(loadFrom(two), 'tiny'))).toEqual(['fp32', 'fp16'])
    const chosen = tinyProject({ precisions: ['bf16'] })
    expect(precisionsOf(findModel(loadFrom(chosen), 'tiny'))).toEqual(['bf16'])
  })

  test.each<[string, object, RegExp]>([
    [
      'a range of a field of view',
      { fov_deg: { range: { min: 1 } } },
      /output fov_deg is a field of view, which has no range/,
    ],
    [
      'a limit of a map for a field of view',
      { fov_deg: { tolerance: { fp32: { delta1: 0.9 } } } },
      /output fov_deg, fp32: delta1 is no limit of a field of view/,
    ],
    [
      'a limit of a field of view for a map',
      { depth: { tolerance: { fp16: { fovErrorDeg: 1 } } } },
      /output depth, fp16: fovErrorDeg is no limit of a map/,
    ],
    [
      'an ONNX name for what is derived',
      { depth: { onnx: 'x' } },
      /output depth is derived outside the network/,
    ],
  ])('%s would be read by nobody and is refused', (_name, outputs, message) => {
    expect(() => findModel(loadFrom(tinyProject({ outputs })), 'tiny')).toThrow(message)
  })

  test('scenes come in the order of their names', () => {
    expect(sceneNames(findModel(loadFrom(tinyProject()), 'tiny'))).toEqual(['gradient', 'waves'])
  })
})

describe('the plan', () => {
  const plan = (filter: Parameters<typeof planGate>[1], extra: object = {}) =>
    planGate(loadFrom(tinyProject(extra)), filter)

  test('is models × precisions × scenes, filtered', () => {
    const two = { onnx: { fp32: 'a.onnx', fp16: 'b.onnx' } }
    expect(plan({}, two).cases.map(({ precision, scene }) => `${scene} ${precision}`)).toEqual([
      'gradient fp32',
      'waves fp32',
      'gradient fp16',
      'waves fp16',
    ])
    expect(plan({ scenes: ['waves'], precisions: ['fp16'] }, two).cases).toHaveLength(1)
  })

  test.each<[Parameters<typeof planGate>[1], RegExp]>([
    [{ models: ['tin'] }, /--model tin: matches nothing; did you mean "tiny"\?/],
    [{ scenes: ['wave'] }, /--scene wave: matches nothing; did you mean "waves"\?/],
    [{ precisions: ['fp16'] }, /--precision fp16: matches nothing/],
  ])('a filter that matches nothing is refused: %j', (filter, message) => {
    expect(() => plan(filter)).toThrow(message)
  })

  test('a damaged golden breaks its model and leaves the others', () => {
    const folder = tinyProject()
    writeConfig(folder, { models: { tiny: { onnx: 'models/tiny.onnx' }, other: { onnx: 'x.onnx' } } })
    const { cases, broken } = planGate(loadFrom(folder))
    expect(cases).toHaveLength(2)
    expect(broken).toMatchObject([
      {
        model: 'other',
        error: expect.stringContaining('golden/other/manifest.json: there is no golden here'),
      },
    ])
  })

  test("the repository's own config is in order", () => {
    const { cases, broken, remarks } = planGate(loadConfig(join(repo, 'depthgate.config.ts')))
    expect({ broken, remarks }).toEqual({ broken: [], remarks: [] })
    expect(cases.length).toBeGreaterThanOrEqual(12)
  })
})
