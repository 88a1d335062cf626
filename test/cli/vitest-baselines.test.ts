import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type Ran, run } from '../helpers/cli.ts'
import { repo, tinyProject } from '../helpers/files.ts'

/** A project with Vitest and the built package, and one test file a scene. */
function project(onnx?: string): string {
  const folder = tinyProject({}, onnx)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repo, join(folder, 'node_modules/depthgate'))
  symlinkSync(join(repo, 'node_modules/vitest'), join(folder, 'node_modules/vitest'))
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(
    join(folder, 'vitest.config.js'),
    `export default { test: { setupFiles: ['depthgate/vitest'], maxWorkers: 2, testTimeout: 60000 } }`,
  )
  for (const scene of ['gradient', 'waves'])
    writeFileSync(
      join(folder, `${scene}.test.js`),
      `import { infer } from 'depthgate'
       import { expect, test } from 'vitest'
       test('${scene}', async () => expect(await infer('tiny', { scene: '${scene}' })).toMatchGolden())`,
    )
  return folder
}

async function vitest(folder: string, args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const program = join(repo, 'node_modules/vitest/vitest.mjs')
  const ran = await run(process.execPath, [program, 'run', ...args], folder, { CI: undefined, ...env })
  return {
    ...ran,
    stdout: stripVTControlCharacters(ran.stdout),
    stderr: stripVTControlCharacters(ran.stderr),
  }
}

const baselines = (folder: string) => join(folder, 'golden/tiny/baselines')
const read = (folder: string) => readFileSync(fileOf(folder), 'utf8')
const fileOf = (folder: string) => join(baselines(folder), readdirSync(baselines(folder))[0]!)

/** Moves the accepted edgeF1Drop of a scene, which is 0, so that the engine looks worse or better. */
function move(folder: string, scene: string, to: number): string {
  const baseline = JSON.parse(read(folder))
  baseline.scenes[scene].outputs.depth.edgeF1Drop = to
  const text = `${JSON.stringify(baseline, null, 2)}\n`
  writeFileSync(fileOf(folder), text)
  return text
}

describe.concurrent('vitest', () => {
  test('writes baselines that are missing, from two workers at once, and counts them', async () => {
    const folder = project()
    const { code, stdout } = await vitest(folder)
    expect(stdout).toMatch(/Snapshots +2 written/)
    expect(code).toBe(0)
    expect(Object.keys(JSON.parse(read(folder)).scenes)).toEqual(['gradient', 'waves'])
    expect(readdirSync(baselines(folder))).toHaveLength(1)
    const before = read(folder)
    const again = await vitest(folder, ['-u'])
    expect(again.stdout).not.toContain('Snapshots')
    expect(read(folder)).toBe(before)
  })

  test('fails a case that is worse, until -u', async () => {
    const folder = project()
    await vitest(folder)
    const moved = move(folder, 'waves', -0.0004)
    const failed = await vitest(folder)
    expect(failed.code).toBe(1)
    expect(failed.stdout).toMatch(/Snapshots +1 failed/)
    expect(failed.stderr).toMatch(/worse than its baseline, though within the tolerance/)
    expect(failed.stderr).toMatch(/depth edgeF1Drop +-4\.00e-4 +→ +0/)
    expect(read(folder)).toBe(moved)
    expect(existsSync(join(folder, '.depthgate/pending/tiny/waves'))).toBe(true)
    const updated = await vitest(folder, ['-u'])
    expect(updated.stdout).toMatch(/Snapshots +1 updated/)
    expect(updated.code).toBe(0)
    expect(JSON.parse(read(folder)).scenes.waves).toMatchObject({
      accepted: { reason: 'vitest --update=all' },
      outputs: { depth: { edgeF1Drop: 0 } },
    })
    expect(existsSync(join(folder, '.depthgate/pending/tiny'))).toBe(false)
  })

  test('passes a case that is better, says so, and keeps the baseline until -u', async () => {
    const folder = project()
    await vitest(folder)
    const moved = move(folder, 'waves', 0.01)
    const { code, stdout } = await vitest(folder)
    expect(code).toBe(0)
    expect(stdout).toContain('depthgate: 1 case is better than the baseline')
    expect(read(folder)).toBe(moved)
    expect((await vitest(folder, ['--update=new'])).code).toBe(0)
    expect(read(folder)).toBe(moved)
  })

  test('--update=none writes nothing, and a missing baseline does not fail', async () => {
    const folder = project()
    const { code } = await vitest(folder, ['--update=none'])
    expect(code).toBe(0)
    expect(existsSync(baselines(folder))).toBe(false)
  })

  test('in CI -u writes nothing and says so; words make it write', async () => {
    const folder = project()
    expect(await vitest(folder, ['-u'], { CI: 'true' })).toMatchObject({ code: 0 })
    expect(existsSync(baselines(folder))).toBe(false)
    await vitest(folder, ['-u'], { CI: 'true', DEPTHGATE_WRITE_IN_CI: '1' })
    const moved = move(folder, 'waves', -0.0004)
    const failed = await vitest(folder, ['-u'], { CI: 'true' })
    expect(failed.code).toBe(1)
    expect(failed.stderr).toContain('CI is set, so --update wrote nothing')
    expect(read(folder)).toBe(moved)
  })

  test('-u moves neither a golden nor a failure', async () => {
    const folder = project('poisoned.onnx')
    const golden = () => readFileSync(join(folder, 'golden/tiny/waves/depth.npy'))
    const before = golden()
    const { code } = await vitest(folder, ['-u'])
    expect(code).toBe(1)
    expect(golden()).toEqual(before)
    expect(existsSync(baselines(folder))).toBe(false)
  })

  test('a test file that imports the set-up again works as before', async () => {
    const folder = project()
    const file = join(folder, 'waves.test.js')
    writeFileSync(file, `import 'depthgate/vitest'\n${readFileSync(file, 'utf8')}`)
    const { code, stdout } = await vitest(folder)
    expect(stdout).toMatch(/Snapshots +2 written/)
    expect(code).toBe(0)
  })

  test('a config that throws fails with its file and its reason, and without a stack of depthgate', async () => {
    const folder = project()
    writeFileSync(join(folder, 'bad.config.js'), `throw new Error('no models today')`)
    const { code, stderr } = await vitest(folder, ['waves'], {
      DEPTHGATE_CONFIG: join(folder, 'bad.config.js'),
    })
    expect(code).toBe(1)
    expect(stderr).toMatch(/bad\.config\.js: threw while it was loaded: no models today/)
  })

  test('what a mask measured is not held against what was accepted without', async () => {
    const folder = project()
    await vitest(folder)
    move(folder, 'waves', -0.0004)
    const file = join(folder, 'waves.test.js')
    const masked = 'toMatchGolden({ mask: new Uint8Array(768).fill(1) })'
    writeFileSync(file, readFileSync(file, 'utf8').replace('toMatchGolden()', masked))
    expect(await vitest(folder)).toMatchObject({ code: 0 })
  })
})
