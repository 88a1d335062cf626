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
import { describe, expect, test } from 'vitest'
import { appliesTo, limitNames } from '../../src/gate/tolerance.ts'
import { depthgate } from '../helpers/cli.ts'
import { repo, temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'
import { roundWeights } from '../helpers/round-weights.ts'

describe.concurrent('depthgate gate', () => {
  const ranged = (depth: object) => ({ models: { tiny: { onnx: 'models/tiny.onnx', outputs: { depth } } } })
  const noLimits = Object.fromEntries(
    limitNames.filter(name => appliesTo(name, 'metric-depth')).map(name => [name, false]),
  )

  test('passes with 0 and a line for each scene', async () => {
    const { code, stdout } = await depthgate(['gate'], tinyProject())
    expect(stdout).toMatch(/✓ tiny\/gradient +fp32[\s\S]*✓ tiny\/waves +fp32[\s\S]*2 passed, 0 failed in/)
    expect(code).toBe(0)
  })

  test('fails with 1 where the engine gives NaN, and leaves pictures', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(1)
    expect(stdout).toContain('0 passed, 2 failed')
    expect(stdout).toMatch(/pixels that are not finite; the first, NaN, is at x \d+, y \d+/)
    expect(stdout).toContain('note: the ONNX (SHA-256')
    const picture = /picture: +(\S+\.png)/.exec(stdout)?.[1]
    expect(existsSync(join(folder, picture!))).toBe(true)
  })

  test('of more than three failures each is a line, and the whole of all is to be had', async () => {
    const folder = tinyProject({ precisions: ['fp32', 'fp16'] }, 'poisoned.onnx')
    const bodies = (text: string) => text.match(/does not match its golden/g)?.length
    const { code, stdout } = await depthgate(['gate', '--save', 'run'], folder)
    expect(code).toBe(1)
    expect(bodies(stdout)).toBe(1)
    expect(stdout).toMatch(/\ncause: export, 4 cases\n( {2}✗ {2}tiny\/\S+\/cpu +depth: the engine .*\n){4}/)
    expect(stdout).toContain(
      '1 of these 4 cases is told in full above. All of them: the page below, or\n  npx depthgate judge run --full\n',
    )
    expect(bodies((await depthgate(['judge', 'run'], folder)).stdout)).toBe(1)
    expect(bodies((await depthgate(['judge', 'run', '--full'], folder)).stdout)).toBe(4)
    expect(bodies((await depthgate(['gate', '--full'], folder)).stdout)).toBe(4)
    const hint = async (...args: string[]) =>
      /All of them: .*/.exec((await depthgate(['gate', ...args], folder)).stdout)?.[0]
    const replaced = ['--save', 'run', '--replace', '--report', 'none']
    expect(await hint(...replaced)).toBe('All of them: npx depthgate judge run --full')
    expect(await hint('--no-save')).toBe('All of them: the page below, or this command with --full')
  })

  test('one scene, as JSON', async () => {
    const { code, stdout } = await depthgate(['gate', '--scene', 'waves', '--json'], tinyProject())
    const result = JSON.parse(stdout)
    expect(code).toBe(0)
    expect(result).toMatchObject({
      pass: true,
      cases: [
        { model: 'tiny', scene: 'waves', verdict: { pass: true, fingerprint: { engine: 'onnxruntime' } } },
      ],
    })
    expect(result.cases[0].verdict.outputs.map((output: { output: string }) => output.output).sort()).toEqual(
      ['depth', 'fov_deg', 'inverse_depth'],
    )
  })

  test.each<[string, (folder: string) => void, string[], RegExp]>([
    [
      'no config',
      folder => rmSync(join(folder, 'depthgate.config.json')),
      [],
      /no depthgate\.config\.ts here or in a folder above/,
    ],
    [
      'a bad config',
      folder => writeConfig(folder, { modles: {} }),
      [],
      /"modles" is unknown here; did you mean "models"/,
    ],
    [
      'an unknown scene',
      () => {},
      ['--scene', 'wave'],
      /--scene wave: matches nothing; did you mean "waves"/,
    ],
    [
      'a damaged golden',
      folder => writeFileSync(join(folder, 'golden/tiny/waves/depth.npy'), 'x'),
      [],
      /waves\/depth\.npy: is not the file that was captured/,
    ],
    [
      'a manifest that is not JSON',
      folder => writeFileSync(join(folder, 'golden/tiny/manifest.json'), '{'),
      [],
      /golden\/tiny\/manifest\.json: is not JSON/,
    ],
    [
      'no ONNX',
      folder => rmSync(join(folder, 'models/tiny.onnx')),
      [],
      /models\/tiny\.onnx: there is no such file/,
    ],
    [
      'a truncated ONNX',
      folder => writeFileSync(join(folder, 'models/tiny.onnx'), 'onnx'),
      [],
      /models\/tiny\.onnx: is no ONNX model, or is cut short/,
    ],
    [
      'an input of another name',
      folder => writeConfig(folder, { models: { tiny: { onnx: 'models/tiny.onnx', input: 'pixels' } } }),
      [],
      /expected one named "pixels"/,
    ],
    [
      'a range that leaves no pixel of a scene',
      folder => writeConfig(folder, ranged({ range: { min: 1e6, max: 1e7 } })),
      [],
      /config\.json: model tiny, scene waves, output depth: no pixel of the golden counts: .* Correct its `range`/,
    ],
    [
      'an output without a limit',
      folder => writeConfig(folder, ranged({ tolerance: { fp32: noLimits } })),
      [],
      /config\.json: model tiny, scene waves, output depth: no limit is set/,
    ],
  ])('%s is broken: 2, told by name', async (_name, damage, args, message) => {
    const folder = tinyProject()
    damage(folder)
    const { code, stdout, stderr } = await depthgate(['gate', ...args], folder)
    expect(stdout + stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(code).toBe(2)
  })

  test('an output that no golden holds is broken, unless the config says that it is meant', async () => {
    const folder = tinyProject({ golden: 'golden/less' })
    const opened = JSON.parse(readFileSync(join(folder, 'golden/tiny/manifest.json'), 'utf8'))
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/less'), { recursive: true })
    for (const output of ['fov_deg', 'depth']) {
      delete opened.outputs[output]
      for (const scene of Object.values<{ outputs: Record<string, unknown> }>(opened.scenes))
        delete scene.outputs[output]
    }
    opened.outputs.inverse_depth.kind = 'inverse-depth'
    writeFileSync(join(folder, 'golden/less/manifest.json'), JSON.stringify(opened))
    expect(await depthgate(['gate'], folder)).toMatchObject({
      code: 2,
      stdout: expect.stringContaining('has the output fov_deg, which no golden holds'),
    })
    writeConfig(folder, {
      models: { tiny: { onnx: 'models/tiny.onnx', golden: 'golden/less', ignoreOutputs: ['fov_deg'] } },
    })
    expect(await depthgate(['gate'], folder)).toMatchObject({ code: 0 })
  })

  test('an output that the golden holds and the config ignores is not judged', async () => {
    const outputs = async (ignoreOutputs: string[], entry: object = {}) => {
      const folder = tinyProject({ ignoreOutputs, ...entry })
      const { code, stdout } = await depthgate(['gate', '--scene', 'waves', '--json'], folder)
      const { cases, broken } = JSON.parse(stdout)
      return {
        code,
        message: broken[0]?.error,
        judged: cases[0]?.verdict?.outputs.map(({ output }: { output: string }) => output),
      }
    }
    expect(await outputs(['inverse_depth'])).toMatchObject({ code: 0, judged: ['depth', 'fov_deg'] })
    expect(await outputs(['depth', 'fov_deg'])).toMatchObject({ code: 0, judged: ['inverse_depth'] })
    // not even where the ONNX no longer has it, unless what is judged is derived from it
    const gone = { outputs: { fov_deg: { onnx: 'gone' } } }
    expect(await outputs(['gone', 'depth', 'fov_deg'], gone)).toMatchObject({
      code: 0,
      judged: ['inverse_depth'],
    })
    expect(await outputs(['gone', 'fov_deg'], gone)).toMatchObject({ code: 2 })
    const all = await outputs(['depth', 'fov_deg', 'inverse_depth'])
    expect(all.code).toBe(2)
    expect(all.message).toMatch(
      /config\.json: model tiny: `ignoreOutputs` leaves no output of its golden to judge\. Take one out: depth, /,
    )
  })

  test('engines of one kind that fail keep a picture each', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    const engine = { engine: 'onnxruntime' }
    writeConfig(folder, { engines: { a: engine, b: engine }, models: { tiny: { onnx: 'models/tiny.onnx' } } })
    const { stdout } = await depthgate(['gate', '--scene', 'waves'], folder)
    const pictures = [...stdout.matchAll(/picture: +(\S+depth\.png)/g)].map(([, path]) => path!)
    expect(pictures).toContain('.depthgate/failures/tiny/waves/fp32-a-fusion-on/depth.png')
    expect(pictures).toContain('.depthgate/failures/tiny/waves/fp32-b-fusion-on/depth.png')
    for (const path of pictures) expect(existsSync(join(folder, path))).toBe(true)
  })

  test.each([
    ['ignoreOutputs', { ignoreOutputs: ['nope'] }, 'nope'],
    ['outputs', { outputs: { inverse_depth: { onnx: 'zzz' } } }, 'zzz'],
  ])('a name in `%s` that the ONNX does not have is an error', async (key, entry, name) => {
    const { code, stdout } = await depthgate(['gate', '--scene', 'waves'], tinyProject(entry))
    expect(stdout).toMatch(
      new RegExp(
        `model tiny: \`${key}\` names "${name}", an output that \\S*tiny\\.onnx does not have; there are: inverse_depth, fov_deg\\.\\n`,
      ),
    )
    expect(stdout).not.toContain('which no golden holds')
    expect(code).toBe(2)
  })

  test('a verdict stands where its picture cannot be written', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    writeFileSync(join(folder, 'blocked'), '')
    writeConfig(folder, { failures: 'blocked/below', models: { tiny: { onnx: 'models/tiny.onnx' } } })
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(stdout).toMatch(/no picture: +.*blocked\/below.* cannot be written[\s\S]*0 passed, 2 failed/)
    expect(code).toBe(1)
  })

  test('pictures go to any folder that the config names', async () => {
    const [folder, elsewhere] = [tinyProject({}, 'poisoned.onnx'), temporaryFolder()]
    writeConfig(folder, { failures: elsewhere, models: { tiny: { onnx: 'models/tiny.onnx' } } })
    await depthgate(['gate', '--no-save', '--report', 'none'], folder)
    expect(readdirSync(join(elsewhere, 'tiny'))).toEqual(['gradient', 'waves'])
  })

  test('with --json, an error is JSON too', async () => {
    const { code, stdout } = await depthgate(['gate', '--json', '--scene', 'none'], tinyProject())
    expect(code).toBe(2)
    expect(JSON.parse(stdout).error.message).toContain('--scene none: matches nothing')
  })

  test('says which step costs too much', async () => {
    const { stdout } = await depthgate(['gate', '--scene', 'waves'], tinyProject({}, 'poisoned.onnx'))
    expect(stdout).toContain('cause: export. FP32 without fusion already breaks the tolerance')
    const { stdout: asked } = await depthgate(
      ['gate', '--scene', 'waves', '--attribute'],
      tinyProject({ precisions: ['fp16'] }),
    )
    expect(asked).toMatch(
      /fp32 +fusion off[\s\S]*fp32 +fusion on[\s\S]*fp16 emulated +fusion off[\s\S]*fp16 emulated +fusion on/,
    )
  })

  test('one broken scene does not hide the others', async () => {
    const folder = tinyProject()
    writeFileSync(join(folder, 'golden/tiny/waves/depth.npy'), 'x')
    const { stdout } = await depthgate(['gate'], folder)
    expect(stdout).toContain('1 passed, 0 failed, 1 broken')
  })

  test('a golden without scenes compares nothing and does not pass', async () => {
    const folder = tinyProject()
    const file = join(folder, 'golden/tiny/manifest.json')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), scenes: {} }))
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(2)
    expect(stdout).toContain('holds no scene, so nothing would be compared')
  })

  test('what a crash left is told and not read', async () => {
    const folder = tinyProject()
    mkdirSync(join(folder, 'golden/tiny/.waves.import-1'))
    const { code, stderr } = await depthgate(['gate'], folder)
    expect(code).toBe(0)
    expect(stderr).toContain('not named by its manifest, and not read: .waves.import-1')
  })
})

describe('the bundled pocket network', () => {
  const pocket = () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'models'))
    cpSync(join(repo, 'golden/pocket'), join(folder, 'golden/pocket'), { recursive: true })
    copyFileSync(join(repo, 'depthgate.config.ts'), join(folder, 'depthgate.config.ts'))
    mkdirSync(join(folder, 'models/pocket'))
    copyFileSync(join(repo, 'models/pocket/pocket.onnx'), join(folder, 'models/pocket/pocket.onnx'))
    cpSync(join(repo, 'fixtures/scenes'), join(folder, 'fixtures/scenes'), { recursive: true })
    return folder
  }

  test('passes on every scene', async () => {
    const { code, stdout } = await depthgate(['gate'], pocket())
    expect(stdout).toMatch(/(1[2-9]|[2-9]\d) passed, 0 failed/)
    expect(code).toBe(0)
  })

  test('with weights rounded to 4 bits fails, and says by how much, where, and that the ONNX is another', async () => {
    const folder = pocket()
    const onnx = join(folder, 'models/pocket/pocket.onnx')
    expect(roundWeights(onnx, 4)).toBeGreaterThan(100_000)
    const { code, stdout } = await depthgate(['gate', '--scene', 'kitchen'], folder)
    expect(code).toBe(1)
    expect(stdout).toMatch(/pocket\/kitchen at fp32 does not match its golden/)
    expect(stdout).toMatch(/absRel .* is \d+(\.\d+)?× its limit/)
    expect(stdout).toMatch(/worst pixel x \d+, y \d+: golden .* m, engine .* m/)
    expect(stdout).toContain('is not the one that was exported with these goldens')
    expect(stdout).toMatch(/look closer: npx depthgate compare \S+ \S+/)
  })
})
