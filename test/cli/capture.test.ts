import { execFileSync, spawn } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { type DepthMap, packed } from '../../src/depth/depth-map.ts'
import { openGolden, readTruth, strayFiles } from '../../src/golden/store.ts'
import { depthgate } from '../helpers/cli.ts'
import { repo, temporaryFolder, tinyProject, writeConfig, writeMap } from '../helpers/files.ts'

/** A real PyTorch: DEPTHGATE_PYTHON, else python3, else the system's. CI installs Debian's python3-torch. */
const python = [process.env.DEPTHGATE_PYTHON, 'python3', '/usr/bin/python3'].find(program => {
  try {
    if (!program) return false
    execFileSync(program, ['-c', 'import torch, numpy'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

test('there is a PyTorch to capture with', () => {
  expect(
    python,
    'no Python here imports torch and numpy: install python3-torch, or set DEPTHGATE_PYTHON',
  ).toBeDefined()
})

const tiny = join(repo, 'fixtures/tiny')
let folder: string
beforeAll(() => {
  folder = temporaryFolder()
  for (const file of ['tiny.py', 'tiny.onnx', 'gradient.png', 'waves.npy'])
    copyFileSync(join(tiny, file), join(folder, file))
})
const capture = (args: string[], env: NodeJS.ProcessEnv = {}) =>
  depthgate(['capture', '--python', python!, ...args], folder, env)
const complete = (out: string, ...more: string[]) => [
  '--model',
  'tiny.py:tiny',
  '--scenes',
  '*.png',
  '--scenes',
  'waves.npy',
  '--out',
  out,
  '--output',
  'inverse_depth=canonical-inverse-depth',
  '--output',
  'fov_deg=fov',
  ...more,
]

describe.runIf(python)('depthgate capture', () => {
  test('runs PyTorch and writes goldens that the engine matches', async () => {
    const { code, stdout, stderr } = await capture(
      complete('golden/tiny', '--onnx', 'tiny.onnx', '--device', 'cpu'),
    )
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'captured gradient\ncaptured waves\n' })
    expect(stdout).toMatch(/2 scenes captured into golden\/tiny \(PyTorch \d.*, FP32, TF32 off\)/)

    const golden = openGolden(join(folder, 'golden/tiny'))
    expect(golden.manifest.capture).toMatchObject({
      factory: 'tiny.py:tiny',
      parameters: 306,
      dtype: 'float32',
      flags: { tf32: false, deterministic: true, cudnn_benchmark: false, bitwise_repeatable: true },
      weights: expect.stringMatching(/^[0-9a-f]{64}$/),
      onnx: expect.stringMatching(/^[0-9a-f]{64}$/),
    })
    expect(strayFiles(golden)).toEqual([])
    expect(readdirSync(join(folder, 'golden'))).toEqual(['tiny'])
    expect(readdirSync(join(folder, 'golden/tiny/gradient')).sort()).toEqual([
      'depth.npy',
      'input.png',
      'inverse_depth.npy',
      'preview.png',
    ])

    writeFileSync(
      join(folder, 'depthgate.config.json'),
      JSON.stringify({ models: { tiny: { onnx: 'tiny.onnx' } } }),
    )
    expect(await depthgate(['gate'], folder)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 passed, 0 failed'),
    })
  })

  test('values that are not finite are counted by scene and output', async () => {
    writeFileSync(
      join(folder, 'holes.py'),
      `from tiny import *

def holes():
    model = tiny()
    def forward(image):
        depth = model.features(image)[:, :1].abs() + 0.1
        depth[..., 0, :2] = float("nan")
        depth[..., 1, 0] = float("inf")
        return depth
    model.forward = forward
    return model
`,
    )
    const what = ['--model', 'holes.py:holes', '--scenes', 'waves.npy', '--output', 'depth=relative-depth']
    const { code, stderr } = await capture([...what, '--out', 'golden/holes'])
    expect(code).toBe(0)
    expect(stderr).toMatch(
      /^captured waves\nnote: scene waves, output depth: 3 of 768 values are NaN or infinite\. .*\n$/,
    )
    rmSync(join(folder, 'golden/holes'), { recursive: true })
  })

  test('the committed goldens are reproduced by this PyTorch', () => {
    const [here, kept] = [openGolden(join(folder, 'golden/tiny')), openGolden(join(tiny, 'golden/tiny'))]
    expect(here.manifest.capture?.weights).toBe(kept.manifest.capture?.weights)
    const [a, b] = [here, kept].map(golden => packed(readTruth(golden, 'waves', 'inverse_depth') as DepthMap))
    expect(Math.max(...a!.map((value, i) => Math.abs(value - b![i]!)))).toBeLessThan(1e-6)
  })

  test('goldens that are there are kept unless --replace says so; what else is in the folder stays', async () => {
    cpSync(join(folder, 'golden/tiny'), join(folder, 'kept/tiny'), { recursive: true })
    mkdirSync(join(folder, 'kept/tiny/baselines'))
    writeFileSync(join(folder, 'kept/tiny/baselines/cpu.json'), '{}')
    const refused = await capture(complete('kept/tiny'))
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('kept/tiny: has goldens already. Add --replace'),
    })
    const one = [
      '--model',
      'tiny.py:tiny',
      '--scenes',
      'waves.npy',
      '--out',
      'kept/tiny',
      '--output',
      'inverse_depth=inverse-depth',
      '--output',
      'fov_deg=fov',
      '--replace',
    ]
    expect(await capture(one)).toMatchObject({ code: 0 })
    expect(readdirSync(join(folder, 'kept'))).toEqual(['tiny'])
    expect(readdirSync(join(folder, 'kept/tiny')).sort()).toEqual(['baselines', 'manifest.json', 'waves'])
    expect(readFileSync(join(folder, 'kept/tiny/baselines/cpu.json'), 'utf8')).toBe('{}')
  })

  test('outputs keep their order, whatever their names', async () => {
    const args = [
      '--model',
      'tiny.py:two_maps',
      '--scenes',
      'waves.npy',
      '--out',
      'golden/two',
      '--output',
      '10=metric-depth',
      '--output',
      '2=relative-depth',
    ]
    expect(await capture(args)).toMatchObject({ code: 0 })
    const two = openGolden(join(folder, 'golden/two'))
    const [first, second] = ['10', '2'].map(output => packed(readTruth(two, 'waves', output) as DepthMap)[5]!)
    expect(second! / first!).toBeCloseTo(100, 3)
  })

  test('a glob that the shell spread is taken whole', async () => {
    const args = [
      '--model',
      'tiny.py:tiny',
      '--scenes',
      'gradient.png',
      'waves.npy',
      '--out',
      'golden/spread',
      '--output',
      'inverse_depth=inverse-depth',
      '--output',
      'fov_deg=fov',
    ]
    expect(await capture(args)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 scenes captured'),
    })
  })

  test('killed in the middle it leaves nothing that is read, and what it leaves is told', async () => {
    writeFileSync(
      join(folder, 'slow.py'),
      'import time, torch\nfrom tiny import tiny\ndef slow():\n    time.sleep(60)\n    return tiny()\n',
    )
    const args = [
      join(repo, 'dist/cli/main.js'),
      'capture',
      '--python',
      python!,
      ...replaced('tiny.py:tiny', 'slow.py:slow', complete('killed/tiny')),
    ]
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const child = spawn(process.execPath, args, { cwd: folder, stdio: 'ignore' })
      const left = () => (existsSync(join(folder, 'killed')) ? readdirSync(join(folder, 'killed')) : [])
      await expect
        .poll(() => left().some(name => existsSync(join(folder, 'killed', name, '.work/request.json'))), {
          timeout: 30_000,
        })
        .toBe(true)
      const ended = new Promise(done => child.once('exit', done))
      child.kill(signal)
      await ended
      expect(left()).toEqual(signal === 'SIGKILL' ? [expect.stringMatching(/^\.tiny\.capture-\d+$/)] : [])
      if (signal === 'SIGTERM') continue
      cpSync(join(folder, 'golden/tiny'), join(folder, 'killed/tiny'), { recursive: true })
      writeFileSync(
        join(folder, 'killed/depthgate.config.json'),
        JSON.stringify({ models: { tiny: { onnx: '../tiny.onnx', golden: 'tiny' } } }),
      )
      expect(await depthgate(['gate'], join(folder, 'killed'))).toMatchObject({
        code: 0,
        stderr: expect.stringMatching(/not read: .*\.tiny\.capture-\d+/),
      })
      rmSync(join(folder, 'killed'), { recursive: true })
    }
  })

  const replaced = (from: string, to: string, args = complete('bad/tiny')) =>
    args.map(arg => (arg === from ? to : arg))
  test.each<[string, string[], RegExp]>([
    [
      'a half-precision model',
      replaced('tiny.py:tiny', 'tiny.py:half'),
      /features\.weight is torch\.float16: goldens are FP32.*\.float\(\)/,
    ],
    [
      'a factory that makes no module',
      replaced('tiny.py:tiny', 'tiny.py:untrue'),
      /untrue\(\) returned str, not a torch\.nn\.Module/,
    ],
    [
      'an unknown factory',
      replaced('tiny.py:tiny', 'tiny.py:tinny'),
      /has no 'tinny'; callables there: .*tiny/,
    ],
    ['a missing file', replaced('tiny.py:tiny', 'none.py:tiny'), /none\.py: there is no such file/],
    ['no factory', replaced('tiny.py:tiny', 'tiny.py'), /write FILE\.py:FACTORY/],
    [
      'an output below FP32 somewhere',
      replaced('tiny.py:tiny', 'tiny.py:double_output'),
      /output inverse_depth is torch\.float64, not float32/,
    ],
    [
      'too few outputs named',
      ['--model', 'tiny.py:tiny', '--scenes', '*.png', '--out', 'bad/tiny', '--output', 'depth=metric-depth'],
      /returns 2 outputs \(1×1×24×32, 1\), --output names 1: depth\. .*NAME=ignore keeps one out/,
    ],
    [
      'a network of which nothing is kept',
      replaced(
        'inverse_depth=canonical-inverse-depth',
        'inverse_depth=ignore',
        replaced('fov_deg=fov', 'fov_deg=ignore'),
      ),
      /--output: every output is ignored/,
    ],
    ['a misspelt `ignore`', replaced('fov_deg=fov', 'fov_deg=ignor'), /did you mean "ignore"/],
    [
      'a name with characters of an ONNX',
      replaced('fov_deg=fov', 'Fov:0=fov'),
      /output "Fov:0": names are made of .*`outputs: \{ NAME: \{ onnx: "Fov:0" \} \}`/,
    ],
    ['a glob that matches nothing', replaced('*.png', '*.bmp'), /--scenes \*\.bmp: matches no file/],
    ['a scene that is no picture', replaced('*.png', 'tiny.onnx'), /tiny\.onnx: a scene is a \.png or \.npy/],
    ['an unknown kind', replaced('fov_deg=fov', 'fov_deg=fow'), /did you mean "fov"/],
    [
      'canonical depth without a field of view',
      replaced('fov_deg=fov', 'x=inverse-depth'),
      /needs the field of view/,
    ],
    ['a name that leaves the folder', replaced('bad/tiny', 'bad/..tiny'), /names are made of/],
    [
      'a GPU that is not there',
      complete('bad/tiny', '--device', 'cuda:9'),
      /--device cuda: this PyTorch sees no GPU|invalid device ordinal/,
    ],
    [
      'a reserved output name',
      replaced('inverse_depth=canonical-inverse-depth', 'input=inverse-depth'),
      /output "input": depthgate keeps a file of its own/,
    ],
    [
      'a derived name that is taken',
      replaced('inverse_depth=canonical-inverse-depth', 'depth=canonical-inverse-depth'),
      /output name depth is taken by the metric depth/,
    ],
    ['nothing named', [], /needs --model, --scenes, --out, --output/],
  ])('%s is refused by name, and nothing is written', async (_name, args, message) => {
    const { code, stderr } = await capture(args)
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
    expect(existsSync(join(folder, 'bad/tiny'))).toBe(false)
    expect(existsSync(join(folder, 'bad')) ? readdirSync(join(folder, 'bad')) : []).toEqual([])
  })

  test("an output that is ignored is not kept, whatever it is, and the gate's key for it is told", async () => {
    writeFileSync(
      join(folder, 'several.py'),
      `from tiny import *

def several():
    model = tiny()
    def forward(image):
        features = model.features(image)
        return features[:, :1].abs(), [features, features.double()]
    model.forward = forward
    return model

def named():
    model = several()
    forward = model.forward
    model.forward = lambda image: dict(zip(("depth", "features"), forward(image)))
    return model
`,
    )
    const args = (factory: string, out: string, ...outputs: string[]) => [
      ...['--model', `several.py:${factory}`, '--scenes', 'waves.npy', '--out', out],
      ...outputs.flatMap(output => ['--output', output]),
    ]
    expect(
      await capture(args('several', 'several/s', 'depth=relative-depth', 'features=ignore')),
    ).toMatchObject({
      code: 0,
      stderr:
        'captured waves\nnote: not kept: features. The gate wants `ignoreOutputs: ["features"]` for s in the config, where the ONNX has that\n',
    })
    expect(readdirSync(join(folder, 'several/s/waves')).sort()).toEqual([
      'depth.npy',
      'input.npy',
      'preview.png',
    ])
    expect(openGolden(join(folder, 'several/s')).manifest.outputs).toEqual({
      depth: { kind: 'relative-depth' },
    })
    const messages = [
      ['several', 'depth=relative-depth', 'features=relative-depth'],
      ['named', 'dept=relative-depth'],
      ['named', 'depth=relative-depth', 'featurs=ignore'],
      ['named', 'x=relative-depth'],
    ].map(async ([factory, ...outputs]) => (await capture(args(factory!, 'several/no', ...outputs))).stderr)
    expect(await Promise.all(messages)).toEqual([
      expect.stringContaining('output features is a list, not a tensor. Write --output features=ignore'),
      expect.stringContaining(
        '--output dept: the model returns no "dept"; did you mean "depth"? There are: depth, features\n',
      ),
      expect.stringContaining(
        '--output featurs: the model returns no "featurs"; did you mean "features"? There are: depth, features\n',
      ),
      expect.stringContaining('--output x: the model returns no "x"; there are: depth, features\n'),
    ])
  })

  test('letters of any script stay in the names of scenes, from the file to the gate and its page', async () => {
    const place = temporaryFolder()
    for (const file of ['tiny.py', 'poisoned.onnx', 'tiny.onnx'])
      copyFileSync(join(tiny, file), join(place, file))
    for (const name of ['Ku\u0308che', 'Kinderzimmer 2', '厨房'])
      copyFileSync(join(tiny, 'gradient.png'), join(place, `${name}.png`))
    const out = ['--model', 'tiny.py:tiny', '--scenes', '*.png', '--out', 'golden/tiny', '--replace']
    const outputs = ['--output', 'inverse_depth=inverse-depth', '--output', 'fov_deg=fov']
    const captured = await depthgate(['capture', '--python', python!, ...out, ...outputs], place, {
      LC_ALL: 'C',
      PYTHONIOENCODING: 'latin-1',
    })
    expect(captured).toMatchObject({
      code: 0,
      stderr: 'captured kinderzimmer-2\ncaptured küche\ncaptured 厨房\n',
    })
    const golden = openGolden(join(place, 'golden/tiny'))
    expect(Object.keys(golden.manifest.scenes)).toEqual(['kinderzimmer-2', 'küche', '厨房'])
    expect(strayFiles(golden)).toEqual([])

    writeConfig(place, { models: { tiny: { onnx: 'tiny.onnx' } } })
    expect(await depthgate(['gate', '--scene', 'ku\u0308che', '--scene', '厨房'], place)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 passed, 0 failed'),
    })
    expect(await depthgate(['accept', '--all'], place)).toMatchObject({ code: 0 })
    writeConfig(place, { models: { tiny: { onnx: 'poisoned.onnx' } } })
    const { code, stdout } = await depthgate(['gate', '--scene', 'küche'], place)
    // typed on a system that takes letters apart
    const typed = await depthgate(['gate', '--grep', 'ku\u0308che', '--no-save', '--report', 'none'], place)
    expect(typed.stdout).toContain('plan: 1 comparison')
    expect(code).toBe(1)
    const [, picture] = /picture: +(\S+\.png)/.exec(stdout)!
    expect(picture).toContain('/tiny/küche/')
    expect(existsSync(join(place, picture!))).toBe(true)
    expect(readFileSync(join(place, '.depthgate/report/index.html'), 'utf8')).toContain('tiny/küche')
  })

  test('two scenes of one name are refused', async () => {
    mkdirSync(join(folder, 'more'), { recursive: true })
    copyFileSync(join(folder, 'waves.npy'), join(folder, 'more/Gradient.npy'))
    const { code, stderr } = await capture(complete('bad/tiny', '--scenes', 'more/*.npy'))
    expect(stderr).toMatch(/gradient\.png and more\/Gradient\.npy: two goldens of one name \(gradient\)/)
    expect(code).toBe(2)
    // composed or not, and where only case tells them apart: σ and ς are one letter
    mkdirSync(join(folder, 'letters'), { recursive: true })
    for (const name of ['ü', 'U\u0308', 'σ', 'ς'])
      copyFileSync(join(folder, 'waves.npy'), join(folder, `letters/${name}.npy`))
    const letters = (names: string) => capture(complete('bad/tiny', '--scenes', `letters/${names}.npy`))
    expect((await letters('{ü,U\u0308}')).stderr).toMatch(
      /letters\/U\u0308\.npy and letters\/ü\.npy: two goldens of one name \(ü\)/,
    )
    expect((await letters('[σς]')).stderr).toMatch(
      /letters\/ς\.npy and letters\/σ\.npy: two goldens of one name/,
    )
  })

  test('a Python without PyTorch, or no Python, is told with the way out', async () => {
    const without = await depthgate(
      ['capture', '--python', process.execPath, ...complete('bad/tiny')],
      folder,
    )
    expect(without).toMatchObject({ code: 2, stderr: expect.stringMatching(/Python ended with exit code/) })
    const none = await depthgate(['capture', '--python', 'no-such-python', ...complete('bad/tiny')], folder)
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/no-such-python: cannot be started.*--python/),
    })
  })
})

describe('depthgate capture --onnx', () => {
  // refused before any Python is started
  const onnx = (scenes: string, outputs: readonly string[], place = folder) =>
    depthgate(
      [
        ...['capture', '--python', 'no-such-python', '--model', 'tiny.py:tiny', '--onnx', 'tiny.onnx'],
        ...['--scenes', scenes, '--out', 'early/tiny', ...outputs.flatMap(output => ['--output', output])],
      ],
      place,
    )
  const both = ['inverse_depth=inverse-depth', 'fov_deg=fov']

  test('a scene that the ONNX does not take is refused, with both sizes', async () => {
    writeMap(folder, 'large.npy', [1, 3, 48, 64], new Array(3 * 48 * 64).fill(1))
    expect(await onnx('large.npy', both)).toMatchObject({
      code: 2,
      stderr:
        'depthgate: large.npy: is 1×3×48×64, and tiny.onnx takes image (1×3×24×32). Bring the scenes to that size, or export the model at theirs, or with free axes\n',
    })
    expect(existsSync(join(folder, 'early')) ? readdirSync(join(folder, 'early')) : []).toEqual([])
  })

  test('an output that the ONNX does not have is refused, with the nearest and all that there are', async () => {
    const { code, stderr } = await onnx('waves.npy', ['inverse_dept=inverse-depth', 'fov_deg=fov'])
    expect(stderr).toMatch(
      /--output inverse_dept: tiny\.onnx has no output "inverse_dept"; did you mean "inverse_depth"\? There are: inverse_depth, fov_deg\. .*`outputs: \{ "inverse_dept": /,
    )
    expect(code).toBe(2)
  })

  test('another order than that of the ONNX is told: of a tuple it would swap the outputs', async () => {
    expect((await onnx('waves.npy', ['fov_deg=fov', 'inverse_depth=ignore'])).stderr).toMatch(
      /^note: --output names fov_deg, inverse_depth in this order, tiny\.onnx has inverse_depth, fov_deg\. .*tuple is named in its order\n/,
    )
    expect(
      (await onnx('waves.npy', ['inverse_depth=inverse-depth', 'other=ignore', 'fov_deg=fov'])).stderr,
    ).toMatch(/^depthgate: no-such-python/)
  })

  test('names that the config gives to outputs of the ONNX are known', async () => {
    const project = (output: object) => {
      const place = tinyProject()
      for (const file of ['tiny.py', 'tiny.onnx', 'waves.npy'])
        copyFileSync(join(tiny, file), join(place, file))
      const entry = { onnx: 'tiny.onnx', golden: 'early/tiny', outputs: { inverse: output } }
      writeFileSync(join(place, 'depthgate.config.json'), JSON.stringify({ models: { any: entry } }))
      return place
    }
    const outputs = ['inverse=inverse-depth', 'fov_deg=fov']
    expect((await onnx('waves.npy', outputs, project({ onnx: 'inverse_depth' }))).stderr).toMatch(
      /no-such-python: cannot be started/,
    )
    expect((await onnx('waves.npy', outputs, project({ onnx: 'inv' }))).stderr).toMatch(
      /--output inverse, which the config maps to "inv": tiny\.onnx has no output "inv"; there are: inverse_depth, fov_deg\. Correct `onnx` there/,
    )
  })

  test('a file that is no ONNX is refused', async () => {
    const place = temporaryFolder()
    for (const file of ['tiny.py', 'waves.npy']) copyFileSync(join(tiny, file), join(place, file))
    writeFileSync(join(place, 'tiny.onnx'), 'nothing')
    expect((await onnx('waves.npy', both, place)).stderr).toMatch(/tiny\.onnx: is no ONNX model/)
  })
})

describe('depthgate import', () => {
  test('makes a golden that the gate then holds the engine to', async () => {
    const project = tinyProject()
    const kept = join(tiny, 'golden/tiny/waves')
    const args = [
      'import',
      'copy/waves',
      '--input',
      join(kept, 'input.npy'),
      '--depth',
      join(kept, 'inverse_depth.npy'),
    ]
    const more = [
      '--unit',
      'canonical',
      '--fov',
      '59.890323638916016',
      '--output',
      'inverse_depth',
      '--source',
      'torch 2.11, CPU',
    ]
    expect(await depthgate([...args, ...more], project)).toMatchObject({
      code: 0,
      stdout: 'copy/waves imported into golden/copy (1 scene)\n',
    })
    writeFileSync(
      join(project, 'depthgate.config.json'),
      JSON.stringify({ models: { copy: { onnx: 'models/tiny.onnx' } } }),
    )
    expect(await depthgate(['gate'], project)).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('1 passed, 0 failed'),
    })
  })

  test('six at once lose none of their scenes', async () => {
    const place = temporaryFolder()
    const one = (i: number) =>
      depthgate(
        [
          'import',
          `m/s${i}`,
          '--input',
          join(tiny, 'waves.npy'),
          '--depth',
          join(tiny, 'golden/tiny/waves/depth.npy'),
          '--unit',
          'm',
          '--source',
          'x',
        ],
        place,
      )
    const codes = (await Promise.all([1, 2, 3, 4, 5, 6].map(one))).map(({ code }) => code)
    expect(codes).toEqual([0, 0, 0, 0, 0, 0])
    const golden = openGolden(join(place, 'golden/m'))
    expect(Object.keys(golden.manifest.scenes)).toEqual(['s1', 's2', 's3', 's4', 's5', 's6'])
    expect(strayFiles(golden)).toEqual([])
  })

  test.each<[string, string[], RegExp]>([
    ['an unknown unit', ['--unit', 'mm', '--source', 'x'], /--unit mm: is unknown.*Convert other units/],
    ['no source', ['--unit', 'm'], /needs --source/],
    ['a path as a name', ['--unit', 'm', '--source', 'x'], /takes one name, MODEL\/SCENE/],
    ['a truncated map', ['--unit', 'm', '--source', 'x'], /cut\.npy/],
  ])('%s is refused', async (name, more, message) => {
    const place = temporaryFolder()
    const depth = writeMap(place, 'cut.npy', [4, 4], new Array(16).fill(1))
    if (name === 'a truncated map') writeFileSync(depth, readFileSync(depth).subarray(0, 150))
    const target = name === 'a path as a name' ? 'a/b/c' : 'a/b'
    const { code, stderr } = await depthgate(
      ['import', target, '--input', join(tiny, 'waves.npy'), '--depth', depth, ...more],
      place,
    )
    expect(stderr).toMatch(message)
    expect(code).toBe(2)
    expect(existsSync(join(place, 'golden'))).toBe(false)
  })
})
