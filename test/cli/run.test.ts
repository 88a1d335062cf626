import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { providerProblem } from '../../src/engines/onnxruntime/try-provider.ts'
import { depthgate, interrupted } from '../helpers/cli.ts'
import { repo, tinyProject, writeConfig } from '../helpers/files.ts'

const runs = (folder: string) => readdirSync(join(folder, '.depthgate/runs'))
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

describe.concurrent('the plan', () => {
  test('is printed first, and alone with --dry-run', async () => {
    const folder = tinyProject({ precisions: ['fp32', 'fp16'] })
    const { code, stdout } = await depthgate(['gate', '--dry-run'], folder)
    expect(stdout).toBe(`plan: 4 comparisons
  tiny on cpu  fp32, fp16  × 2 scenes

  tiny/gradient/fp32/cpu
  tiny/waves/fp32/cpu
  tiny/gradient/fp16/cpu
  tiny/waves/fp16/cpu
`)
    expect(code).toBe(0)
    expect(existsSync(join(folder, '.depthgate'))).toBe(false)
    expect((await depthgate(['gate', '--scene', 'waves'], folder)).stdout).toMatch(/^plan: 2 comparisons\n/)
  })

  test('is filtered by a regular expression over model/scene/precision/engine', async () => {
    const folder = tinyProject({ precisions: ['fp32', 'fp16'] })
    const args = ['gate', '--dry-run', '--json', '--grep', 'waves/fp1?6|gradient/fp32']
    const { plan } = JSON.parse((await depthgate(args, folder)).stdout)
    expect(plan.map(({ scene, precision }: Record<string, string>) => [scene, precision])).toEqual([
      ['gradient', 'fp32'],
      ['waves', 'fp16'],
    ])
  })

  test.each([
    [['--grep', '('], '--grep (: is no regular expression'],
    [
      ['--grep', 'wafes'],
      'matches none of 2 comparisons. It is held against model/scene/precision/engine, such as tiny/gradient/fp32/cpu',
    ],
    [['--engine', 'gpu'], '--engine gpu: matches nothing'],
    [['--jobs', '0'], '--jobs 0: give a whole number from 1'],
  ])('%j is refused', async (args, message) => {
    const { code, stderr } = await depthgate(['gate', ...args], tinyProject())
    expect(stderr).toContain(message)
    expect(code).toBe(2)
  })

  test('of a broken model is told, and is exit code 2', async () => {
    const folder = tinyProject()
    rmSync(join(folder, 'golden'), { recursive: true })
    const { code, stdout } = await depthgate(['gate', '--dry-run'], folder)
    expect(stdout).toContain('broken: tiny\n')
    expect(code).toBe(2)
  })
})

describe.concurrent('a run', () => {
  test('is saved with its maps, fits the published schema, and the last three are kept', async () => {
    const folder = tinyProject()
    for (let i = 0; i < 4; i++) await depthgate(['gate'], folder)
    const ids = runs(folder)
    expect(ids).toHaveLength(3)
    const run = readJson(join(folder, '.depthgate/runs', ids[0]!, 'run.json'))
    const ajv = new Ajv2020()
    addFormats.default(ajv)
    const fits = ajv.compile(readJson(join(repo, 'dist/schema/run.schema.json')))
    expect(fits(run) || fits.errors).toBe(true)
    expect(run.cases[0].outputs.depth.file).toBe('tiny/gradient/fp32-cpu/depth.npy')
    expect(existsSync(join(folder, '.depthgate/runs', ids[0]!, run.cases[0].outputs.depth.file))).toBe(true)
  })

  test('is not kept with --no-save, and is an error where --save cannot be', async () => {
    const folder = tinyProject()
    expect(await depthgate(['gate', '--no-save'], folder)).toMatchObject({ code: 0 })
    expect(existsSync(join(folder, '.depthgate/runs'))).toBe(false)
    const { code, stderr } = await depthgate(['gate', '--save', 'golden'], folder)
    expect(stderr).toContain('golden: is not empty and holds no saved run, so it is left alone')
    expect(code).toBe(2)
    const both = await depthgate(['gate', '--save', 'x', '--no-save'], folder)
    expect(both.stderr).toContain('--save x: with --no-save nothing is kept')
    expect(both).toMatchObject({ code: 2, stdout: '' })
    expect(await depthgate(['gate', '--jobs', '0'], folder)).toMatchObject({ code: 2, stdout: '' })
    // a file stands where a folder would have to be
    const blocked = await depthgate(['gate', '--save', 'depthgate.config.json/run'], folder)
    expect(blocked.stdout).not.toContain('passed')
    expect(blocked.stderr).toMatch(
      /--save depthgate\.config\.json\/run: cannot be written: .* is no folder\. Choose another place/,
    )
    expect(blocked.code).toBe(2)
  })

  test('takes the place of another only with --replace, and is refused before anything runs', async () => {
    const folder = tinyProject()
    const id = () => readJson(join(folder, 'nightly/run.json')).header.id
    expect(await depthgate(['gate', '--save', 'nightly', '--replace'], folder)).toMatchObject({ code: 0 })
    const first = id()
    const refused = await depthgate(['gate', '--save', 'nightly'], folder)
    expect(refused.stderr).toContain(
      'nightly: holds a saved run already. Name a new folder, or add --replace',
    )
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(id()).toBe(first)
    expect(await depthgate(['gate', '--save', 'nightly', '--replace'], folder)).toMatchObject({ code: 0 })
    expect(id()).not.toBe(first)
    const alone = await depthgate(['gate', '--replace'], folder)
    expect(alone.stderr).toContain('--replace: goes with --save FOLDER')
    expect(alone).toMatchObject({ code: 2, stdout: '' })
  })

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('that %s stops is reported and saved as partial', async (signal, code) => {
    const folder = tinyProject({ precisions: ['fp32', 'fp16', 'bf16'] })
    const ran = await interrupted(['gate'], folder, '✓ tiny/gradient', signal)
    expect(ran.stdout).toMatch(/partial: stopped after [1-5] of 6 comparisons/)
    expect(ran.stderr).toContain('stopping: what was run is reported as partial')
    expect(ran.code).toBe(code)
    const run = readJson(join(folder, '.depthgate/runs', runs(folder)[0]!, 'run.json'))
    expect(run.header.partial).toBe(true)
    expect(run.plan).toHaveLength(6)
    expect(run.cases.length).toBeLessThan(6)
  })

  test('two gates at once on one folder keep a run each, whole', async () => {
    const folder = tinyProject()
    const both = await Promise.all([depthgate(['gate'], folder), depthgate(['gate'], folder)])
    expect(both.map(({ code }) => code)).toEqual([0, 0])
    expect(runs(folder)).toHaveLength(2)
    for (const id of runs(folder))
      expect(await depthgate(['judge', `.depthgate/runs/${id}`], folder)).toMatchObject({ code: 0 })
  })
})

describe.concurrent('an engine that the machine lacks', () => {
  const board = {
    engine: 'command',
    command: ['no-such-program', '{input}', '{output:fov_deg}', '{output:inverse_depth}'],
  }
  const project = (optional: boolean, cpu = true) => {
    const folder = tinyProject()
    writeConfig(folder, {
      engines: { ...(cpu && { cpu: { engine: 'onnxruntime' } }), board: { ...board, optional } },
      models: { tiny: { onnx: 'models/tiny.onnx' } },
    })
    return folder
  }

  test('is a skip that is counted and shown, where it is optional', async () => {
    const folder = project(true)
    const { code, stdout } = await depthgate(['gate', '--jobs', '2', '--save', 'run'], folder)
    expect(stdout).toMatch(/- tiny\/gradient board +fp32 .* skipped: /)
    expect(stdout).toContain('2 passed, 0 failed, 2 skipped')
    expect(stdout).toMatch(
      /\nskipped: tiny\/gradient\/fp32\/board, tiny\/waves\/fp32\/board\n.*no-such-program/,
    )
    expect(code).toBe(0)
    expect(await depthgate(['judge', 'run'], folder)).toMatchObject({ code: 0 })
  })

  test('is a skip before it is asked how it would compute: a GPU provider at fp32', async () => {
    const problem = await providerProblem({ engine: 'onnxruntime', provider: 'cuda' })
    const folder = tinyProject()
    writeConfig(folder, {
      engines: {
        cpu: { engine: 'onnxruntime' },
        cuda: { engine: 'onnxruntime', provider: 'cuda', optional: true },
      },
      models: { tiny: { onnx: 'models/tiny.onnx' } },
    })
    const { code, stdout } = await depthgate(['gate'], folder, { NVIDIA_TF32_OVERRIDE: undefined })
    // with a GPU the error that names the way out, without one a skip
    expect(stdout).toMatch(
      problem ? /- tiny\/waves cuda +fp32 .* skipped: / : /NVIDIA_TF32_OVERRIDE=0.*Set it/,
    )
    expect(stdout).toContain(problem ? '2 passed, 0 failed, 2 skipped' : '2 passed, 0 failed, 2 broken')
    if (problem) expect(stdout).toContain(problem.fix)
    expect(code).toBe(problem ? 0 : 2)
  })

  test('is broken where it is required, or where nothing else was compared', async () => {
    expect(await depthgate(['gate'], project(false))).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('2 passed, 0 failed, 2 broken'),
    })
    expect(await depthgate(['gate'], project(true, false))).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('0 passed, 0 failed, 2 skipped'),
    })
  })
})

describe.concurrent('depthgate judge', () => {
  const tolerance = (absRel: number) => ({ outputs: { depth: { tolerance: { fp16: { absRel } } } } })
  const config = (absRel: number) => ({
    models: { tiny: { onnx: 'models/tiny.onnx', precisions: ['fp16'], ...tolerance(absRel) } },
  })

  test('holds a saved run against other limits and ranges, without the model', async () => {
    const folder = tinyProject({ precisions: ['fp16'] })
    expect(await depthgate(['gate', '--save', 'run'], folder)).toMatchObject({ code: 0 })
    rmSync(join(folder, 'models'), { recursive: true })
    expect(await depthgate(['judge', 'run'], folder)).toMatchObject({ code: 0 })

    writeConfig(folder, config(1e-9))
    const { code, stdout } = await depthgate(['judge', 'run/run.json'], folder)
    expect(code).toBe(1)
    expect(stdout).toMatch(/0 passed, 2 failed/)
    expect(stdout).toMatch(/absRel .* is .*× its limit of 1\.00e-9/)

    writeConfig(folder, { models: { tiny: { onnx: 'x', outputs: { depth: { range: { max: 1e-6 } } } } } })
    const none = await depthgate(['judge', 'run'], folder)
    expect(none.stdout).toContain('no pixel of the golden counts')
    expect(none.code).toBe(2)
  })

  test.each<[string, (folder: string) => void, number, RegExp]>([
    [
      'a map that is lost',
      folder => rmSync(join(folder, 'run/tiny/waves/fp32-cpu/depth.npy')),
      2,
      /run\/tiny\/waves\/fp32-cpu\/depth\.npy: does not exist\. Run the gate again with --save/,
    ],
    [
      'a scene that is gone',
      folder => {
        const file = join(folder, 'golden/tiny/manifest.json')
        const manifest = readJson(file)
        delete manifest.scenes.waves
        writeFileSync(file, JSON.stringify(manifest))
      },
      2,
      /has no scene "waves"/,
    ],
    [
      'a run that is not there',
      folder => rmSync(join(folder, 'run'), { recursive: true }),
      2,
      /run: does not exist/,
    ],
  ])('%s is told by name', async (_name, damage, expected, message) => {
    const folder = tinyProject()
    await depthgate(['gate', '--save', 'run'], folder)
    damage(folder)
    const { code, stdout, stderr } = await depthgate(['judge', 'run'], folder)
    expect(stdout + stderr).toMatch(message)
    expect(code).toBe(expected)
  })
})

describe.concurrent('depthgate diff', () => {
  test('is quiet about equal runs and tells what another ONNX changes', async () => {
    const folder = tinyProject()
    await depthgate(['gate', '--save', 'a'], folder)
    await depthgate(['gate', '--save', 'b'], folder)
    expect(await depthgate(['diff', 'a', 'b'], folder)).toMatchObject({
      code: 0,
      stdout: 'nothing changed beyond noise\n',
    })
    cpSync(join(repo, 'fixtures/tiny/poisoned.onnx'), join(folder, 'models/tiny.onnx'))
    await depthgate(['gate', '--save', 'c', '--scene', 'waves'], folder)
    const { code, stdout } = await depthgate(['diff', 'a', 'c'], folder)
    expect(code).toBe(1)
    expect(stdout).toMatch(/verdicts\n✗ {2}tiny\/waves\/fp32\/cpu {2}passed → failed/)
    expect(stdout).toMatch(/fingerprints\n.*onnx +[0-9a-f]{12}… → [0-9a-f]{12}…/)
    expect(stdout).toMatch(/cases that are gone\n- {2}tiny\/gradient\/fp32\/cpu/)
    expect(JSON.parse((await depthgate(['diff', 'a', 'c', '--json'], folder)).stdout).outcomes).toHaveLength(
      1,
    )
  })

  test('needs two runs', async () => {
    expect(await depthgate(['diff', 'a'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('takes two runs, got 1'),
    })
  })
})

describe.concurrent('depthgate tolerance suggest', () => {
  test('proposes limits with reasons, in the words of a config, and writes nothing', async () => {
    const folder = tinyProject({ precisions: ['fp16'] })
    const before = readFileSync(join(folder, 'depthgate.config.json'), 'utf8')
    const { code, stdout } = await depthgate(['tolerance', 'suggest', '--reruns', '2'], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/tiny on cpu, depth at fp16\n/)
    expect(stdout).toMatch(/absRel +0\.01 +0\.\d+ +worst \w+ \S+, varies by 0/)
    expect(stdout).toMatch(/depth: \{ tolerance: \{ fp16: \{ rmse: '[\d.]+%', absRel: /)
    expect(readFileSync(join(folder, 'depthgate.config.json'), 'utf8')).toBe(before)
    expect(readdirSync(join(folder, 'golden/tiny'))).not.toContain('baselines')
  })

  test('marks a limit that breaks today and tells what could not be measured', async () => {
    const { code, stderr } = await depthgate(
      ['tolerance', 'suggest', '--reruns', '1'],
      tinyProject({}, 'poisoned.onnx'),
    )
    expect(stderr).toMatch(/not measured: tiny\/waves\/fp32\/cpu: depth: the engine produced .* not finite/)
    expect(code).toBe(0)
    const { stderr: unknown } = await depthgate(['tolerance', 'sugest'])
    expect(unknown).toContain('did you mean "suggest"')
  })
})

describe.concurrent('task quality', () => {
  const withTruth = (truth: object) => {
    const folder = tinyProject({ truth, precisions: ['fp32'] })
    mkdirSync(join(folder, 'truth'))
    // what PyTorch gave is taken for the truth of one scene, so PyTorch is perfect there
    cpSync(join(folder, 'golden/tiny/waves/depth.npy'), join(folder, 'truth/waves.npy'))
    return folder
  }

  test('is told beside the verdict, for the scenes that have a truth', async () => {
    const { code, stdout } = await depthgate(['gate'], withTruth({ file: 'truth/{scene}.npy' }))
    expect(stdout).toMatch(/task quality, against ground truth/)
    expect(stdout).toMatch(/tiny depth fp32 cpu +1 +1 +1 +0 +\S+e-8/)
    expect(code).toBe(0)
  })

  test('fails the gate only where the config asks for a share', async () => {
    const { code, stdout } = await depthgate(['gate'], withTruth({ file: 'truth/{scene}.npy', keeps: 0.99 }))
    // PyTorch has no error at all against itself, so any error keeps nothing
    expect(stdout).toMatch(/2 passed, 0 failed/)
    expect(stdout).toMatch(/✗ +tiny depth fp32 cpu .* 0 %, must keep 99 %/)
    expect(code).toBe(1)
  })

  test.each([
    [{ file: 'truth/waves.npy' }, /does not say where the scene's name goes/],
    [{ file: 'truth/{scene}.exr' }, /no scene has a file/],
    [{ file: 'truth/{scene}.npy', output: 'dept' }, /has no output "dept"; did you mean "depth"/],
    [
      { file: 'truth/{scene}.npy', output: 'fov_deg' },
      /is a fov, which no depth in metres can be held against/,
    ],
    [{ file: 'truth/{scene}.npy', keeps: 99 }, /truth\.keeps: 99 must be <= 1/],
  ])('%j is refused', async (truth, message) => {
    const { code, stdout, stderr } = await depthgate(['gate'], withTruth(truth))
    expect(stdout + stderr).toMatch(message)
    expect(code).toBe(2)
  })
})
