import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { walk } from '../../src/cli/review.ts'
import { baselineKey } from '../../src/gate/baseline-file.ts'
import { loadConfig } from '../../src/gate/config.ts'
import { readPending } from '../../src/gate/pending.ts'
import { depthgate, run } from '../helpers/cli.ts'
import { repo, tinyProject, writeConfig } from '../helpers/files.ts'

const baselines = (folder: string) => join(folder, 'golden/tiny/baselines')
const baselineFile = (folder: string) => join(baselines(folder), readdirSync(baselines(folder))[0]!)
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

/** A project whose figures were accepted, then moved in the baseline so that the engine looks worse or better. */
async function accepted(change: (figures: Record<string, number>) => void = () => {}): Promise<string> {
  const folder = tinyProject()
  await depthgate(['gate'], folder)
  await depthgate(['accept', '--all'], folder)
  const file = baselineFile(folder)
  const baseline = readJson(file)
  change(baseline.scenes.waves.outputs.depth)
  writeFileSync(file, JSON.stringify(baseline))
  return folder
}
// edgeF1Drop is 0 on this network: below it by two margins of its limit of 0.02
const worse = (figures: Record<string, number>) => {
  figures.edgeF1Drop = -0.0004
}
const better = (figures: Record<string, number>) => {
  figures.edgeF1Drop = 0.01
}

describe.concurrent('from the gate to a baseline', () => {
  test('a first run has none: judged by tolerance alone, said so, and written by accept only', async () => {
    const folder = tinyProject()
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(0)
    expect(stdout).toContain(
      'baselines: 2 without one, judged by tolerance alone. Next: npx depthgate review',
    )
    expect(existsSync(baselines(folder))).toBe(false)
    const pending = JSON.parse((await depthgate(['pending', '--json'], folder)).stdout)
    expect(pending.map(({ id, kind }: Record<string, string>) => [id, kind])).toEqual([
      [expect.stringMatching(/^tiny\/gradient\/fp32-onnxruntime-1\.30\.0-cpu-[0-9a-f]{8}$/), 'new'],
      [expect.stringMatching(/^tiny\/waves\//), 'new'],
    ])

    await run('git', ['init', '-q'], folder)
    await run('git', ['config', 'user.name', 'Ada Lovelace'], folder)
    const done = await depthgate(['accept', 'tiny/waves', '--reason', 'the first figures'], folder)
    expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^✓ accepted tiny\/waves\//) })
    const { scenes, environment } = readJson(baselineFile(folder))
    expect(scenes).toMatchObject({
      waves: {
        accepted: { by: 'Ada Lovelace', date: expect.any(String), reason: 'the first figures' },
        outputs: { depth: { absRel: expect.any(Number) }, fov_deg: { fovErrorDeg: 0 } },
      },
    })
    expect(Object.keys(scenes)).toEqual(['waves'])
    expect(environment).toMatchObject({ engine: 'onnxruntime', provider: 'cpu', precision: 'fp32' })
    expect(environment.onnx).toBeUndefined()
    expect((await depthgate(['pending'], folder)).stdout).toMatch(
      /^✓ {2}tiny\/gradient\/\S+ +no baseline yet\n$/,
    )
  })

  test('worse than it fails though the tolerance holds, until it is accepted', async () => {
    const folder = await accepted(worse)
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(1)
    expect(stdout).toMatch(/✗ tiny\/waves .* worse than its baseline: depth edgeF1Drop -4\.00e-4 → 0/)
    expect(stdout).toMatch(/worse than its baseline, though within the tolerance \(accepted 20\S+ by /)
    expect(stdout).toContain('1 passed, 1 failed')
    expect(await depthgate(['accept', '--all'], folder)).toMatchObject({ code: 0 })
    expect(await depthgate(['gate'], folder)).toMatchObject({ code: 0 })
    expect((await depthgate(['pending'], folder)).stdout).toBe('nothing is pending\n')
  })

  test('better than it passes and is worth accepting; reject leaves the baseline as it is', async () => {
    const folder = await accepted(better)
    const before = readFileSync(baselineFile(folder), 'utf8')
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(0)
    expect(stdout).toContain('baselines: 1 better, 1 within the margin')
    expect(await depthgate(['reject', 'tiny'], folder)).toMatchObject({ code: 0 })
    expect((await depthgate(['pending'], folder)).stdout).toBe('nothing is pending\n')
    expect(readFileSync(baselineFile(folder), 'utf8')).toBe(before)
  })

  test('commands of one config have a baseline each', async () => {
    const folder = tinyProject()
    const scene = join(repo, 'fixtures/tiny/golden/tiny/waves/inverse_depth.npy')
    writeFileSync(
      join(folder, 'app.cjs'),
      `const fs = require('node:fs')
const [, , off, , depth, fov] = process.argv
fs.copyFileSync(${JSON.stringify(scene)}, depth)
fs.writeFileSync(fov, Buffer.from(new Float32Array([Number(off)]).buffer))`,
    )
    const { scenes } = readJson(join(folder, 'golden/tiny/manifest.json'))
    const degrees: number = scenes.waves.outputs.fov_deg.value
    const app = (off: number) => ({
      engine: 'command',
      command: [
        ...[process.execPath, 'app.cjs', String(degrees + off)],
        ...['{input}', '{output:inverse_depth}', '{output:fov_deg}'],
      ],
      raw: { fov_deg: { type: 'float32', shape: [1] } },
    })
    writeConfig(folder, {
      engines: { near: app(0), off: app(0.03) },
      models: { tiny: { onnx: 'models/tiny.onnx' } },
    })
    const gate = ['gate', '--scene', 'waves']
    expect(await depthgate(gate, folder)).toMatchObject({ code: 0 })
    expect((await depthgate(['accept', '--all'], folder)).stdout.match(/accepted/g)).toHaveLength(2)
    expect(readdirSync(baselines(folder)).filter(name => name.endsWith('.json'))).toHaveLength(2)
    expect(await depthgate(gate, folder)).toMatchObject({ code: 0 })
    expect((await depthgate(['pending'], folder)).stdout).toBe('nothing is pending\n')
  })

  test('within the margin nothing is pending and nothing is rewritten', async () => {
    const folder = await accepted(figures => {
      figures.rmse! *= 1.02
    })
    const before = readFileSync(baselineFile(folder), 'utf8')
    expect(await depthgate(['gate'], folder)).toMatchObject({ code: 0 })
    expect(await depthgate(['accept', '--all'], folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('nothing is pending'),
    })
    expect(readFileSync(baselineFile(folder), 'utf8')).toBe(before)
  })

  test('an entry of a model that the config does not have is left, and keeps no other from being accepted', async () => {
    const folder = tinyProject()
    const tiny = { onnx: 'models/tiny.onnx' }
    const other = JSON.stringify({ models: { tiny, chan: { ...tiny, golden: 'golden/tiny' } } })
    writeFileSync(join(folder, 'other.config.json'), other)
    await depthgate(['gate', '--config', 'other.config.json', '--scene', 'waves'], folder)
    const { code, stdout, stderr } = await depthgate(['accept', '--all'], folder)
    expect(stderr).toBe('')
    expect(stdout).toMatch(
      /^– left chan\/waves\/\S+: \S+\/depthgate\.config\.json has no model chan\. Accept it with the --config that has, .*depthgate reject chan\n✓ accepted tiny\/waves/,
    )
    expect(code).toBe(1)
    const entries = readPending(folder)
    expect(entries.map(({ model }) => model)).toEqual(['chan'])
    const said: string[] = []
    await walk(
      loadConfig(join(folder, 'depthgate.config.json')),
      entries,
      async () => 'a',
      text => said.push(text),
    )
    expect(said.at(-1)).toContain('– left chan/waves/')
    expect(await depthgate(['reject', 'chan'], folder)).toMatchObject({ code: 0 })
  })

  test('the margin is set in the config', async () => {
    const folder = await accepted(worse)
    const models = { tiny: { onnx: 'models/tiny.onnx' } }
    writeConfig(folder, { models, baseline: { margin: { ofLimit: 0.1 } } })
    expect(await depthgate(['gate'], folder)).toMatchObject({ code: 0 })
    writeConfig(folder, { models, baseline: { margin: { ofLimits: 0.1 } } })
    expect((await depthgate(['gate'], folder)).stderr).toContain('did you mean "ofLimit"')
  })
})

describe.concurrent('what is never accepted', () => {
  test('a case that breaks its tolerance: no golden and no limit moves', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    await depthgate(['gate'], folder)
    const { code, stdout } = await depthgate(['accept', '--all'], folder)
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /✗ refused tiny\/waves\/\S+: breaks its tolerance, and accepting moves no limit and no golden \(depth: .* not finite/,
    )
    expect(existsSync(baselines(folder))).toBe(false)
  })

  test('anything in CI, unless it is said in words; a run that CI saved is accepted elsewhere', async () => {
    const folder = tinyProject()
    await depthgate(['gate', '--save', 'from-ci'], folder)
    const refused = await depthgate(['accept', '--all'], folder, { CI: 'true' })
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('CI is set') })
    expect(existsSync(baselines(folder))).toBe(false)
    expect(await depthgate(['accept', 'tiny/waves', '--write-in-ci'], folder, { CI: 'true' })).toMatchObject({
      code: 0,
    })
    await depthgate(['reject', '--all'], folder)
    expect(await depthgate(['accept', '--all', '--run', 'from-ci'], folder)).toMatchObject({ code: 0 })
    expect(Object.keys(readJson(baselineFile(folder)).scenes)).toEqual(['gradient', 'waves'])
  })

  test.each([
    [['accept'], 'takes names or --all, and got neither'],
    [['accept', 'tiny', '--all'], 'not both'],
    [['accept', 'tiny/wafes'], 'tiny/wafes: nothing of that name is pending; did you mean "tiny/waves"?'],
    [['accept', 'tin'], 'tin: nothing of that name is pending'],
    [['review'], 'asks on a terminal, and there is none'],
  ])('%j says what to do instead', async (args, message) => {
    const folder = tinyProject()
    await depthgate(['gate'], folder)
    expect(await depthgate(args, folder)).toMatchObject({ code: 2, stderr: expect.stringContaining(message) })
  })
})

describe('depthgate review', () => {
  const answer = async (folder: string, answers: string[]) => {
    const config = loadConfig(join(folder, 'depthgate.config.json'))
    const said: string[] = []
    const ask = async () => answers.shift() ?? 'q'
    await walk(config, readPending(folder), ask, text => said.push(text))
    return stripVTControlCharacters(said.join('\n'))
  }

  test('shows figures old and new, takes a reason, and accepts', async () => {
    const folder = await accepted(worse)
    await depthgate(['gate'], folder)
    const said = await answer(folder, ['x', 'n', 'a faster softmax', 'a'])
    expect(said).toMatch(/tiny\/waves at fp32: worse than its baseline .*1 of 1/)
    expect(said).toMatch(/≠ +\S*depth edgeF1Drop\S* +-4\.00e-4 +0 +≤ 0\.02/)
    expect(said).toContain('accepted tiny/waves/')
    expect(readJson(baselineFile(folder)).scenes.waves.accepted.reason).toBe('a faster softmax')
  })

  test('skips, rejects, quits, and never accepts what breaks its tolerance', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    await depthgate(['gate'], folder)
    const said = await answer(folder, ['a', 's', 'r'])
    expect(said).toContain('breaks its tolerance: not to be accepted')
    expect(said).toMatch(/cause: \S*export/)
    expect(said).toMatch(/picture: .*\.png/)
    expect(readPending(folder)).toHaveLength(1)
    expect(existsSync(baselines(folder))).toBe(false)
    await answer(folder, ['q'])
    expect(readPending(folder)).toHaveLength(1)
  })
})

describe.concurrent('obsolete goldens and baselines', () => {
  async function aged(): Promise<string> {
    const folder = await accepted()
    const file = baselineFile(folder)
    const baseline = readJson(file)
    baseline.scenes['long-gone'] = baseline.scenes.waves
    writeFileSync(file, JSON.stringify(baseline))
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/retired'), { recursive: true })
    return folder
  }

  test('are listed by a whole run and removed by prune alone', async () => {
    const folder = await aged()
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /obsolete, by depthgate\.config\.json alone \(npx depthgate prune removes it; other configs\n.*prune --config FILE\):\n {2}golden\/retired: goldens of a model that depthgate\.config\.json does not name\n {2}golden\/tiny\/baselines\/\S+, scene long-gone: the goldens of tiny have no scene long-gone/,
    )
    expect(existsSync(join(folder, 'golden/retired'))).toBe(true)
    expect((await depthgate(['prune', '--dry-run'], folder)).stdout).toMatch(/^would remove golden\/retired/)
    expect(await depthgate(['prune'], folder, { CI: '1' })).toMatchObject({ code: 2 })
    expect(existsSync(join(folder, 'golden/retired'))).toBe(true)
    expect(await depthgate(['prune'], folder)).toMatchObject({ code: 0 })
    expect(existsSync(join(folder, 'golden/retired'))).toBe(false)
    expect(Object.keys(readJson(baselineFile(folder)).scenes)).toEqual(['gradient', 'waves'])
    expect((await depthgate(['gate'], folder)).stdout).not.toContain('obsolete')
  })

  test('a baseline of another range is told, not held, and accepted anew as a whole', async () => {
    const folder = await accepted()
    const outputs = { inverse_depth: { range: { min: 0.06 } } }
    writeConfig(folder, { models: { tiny: { onnx: 'models/tiny.onnx', outputs } } })
    const { code, stdout } = await depthgate(['gate'], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/baselines: \d with one of another golden or range, judged by tolerance alone/)
    await depthgate(['accept', '--all'], folder)
    expect((await depthgate(['gate'], folder)).stdout).not.toContain('baselines:')
  })

  test('models that share goldens have baselines of their own, and need them all', async () => {
    const folder = tinyProject()
    const shared = { onnx: 'models/tiny.onnx', golden: 'golden/tiny' }
    const models = {
      big: { ...shared, precisions: ['fp32'] },
      small: { ...shared, precisions: ['fp16'] },
      tiny: { ...shared, precisions: ['fp16'] },
    }
    writeFileSync(join(folder, 'depthgate.config.json'), JSON.stringify({ models }))
    await depthgate(['gate'], folder)
    expect(await depthgate(['accept', '--all'], folder)).toMatchObject({ code: 0 })
    const files = readdirSync(baselines(folder), { recursive: true, encoding: 'utf8' })
    expect(
      files
        .filter(file => file.endsWith('.json'))
        .map(file => dirname(file))
        .sort(),
    ).toEqual(['.', 'big', 'small'])
    const { stdout } = await depthgate(['gate'], folder)
    expect(stdout).toContain('6 passed')
    expect(stdout).not.toMatch(/baselines: |obsolete/)
    expect((await depthgate(['prune'], folder)).stdout).toMatch(/nothing/)
  })

  test('are judged by the config that prune is given, though a run of another listed them', async () => {
    const folder = await aged()
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/set/inner'), { recursive: true })
    cpSync(join(folder, 'golden/tiny/manifest.json'), join(folder, 'golden/set/manifest.json'))
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/gone'), { recursive: true })
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/v2'), { recursive: true })
    symlinkSync('v2', join(folder, 'golden/latest'))
    const tiny = { onnx: 'models/tiny.onnx' }
    const models = {
      tiny,
      retired: { ...tiny, golden: 'golden/retired/' },
      inner: { ...tiny, golden: join(folder, 'golden/set/inner') },
      linked: { ...tiny, golden: 'golden/latest' },
    }
    writeFileSync(join(folder, 'other.config.json'), JSON.stringify({ models }))
    const { stdout } = await depthgate(['gate'], folder)
    for (const name of ['retired', 'set', 'gone', 'v2'])
      expect(stdout).toContain(`golden/${name}: goldens of a model that depthgate.config.json does not name`)
    const pruned = await depthgate(['prune', '--config', 'other.config.json'], folder)
    expect(pruned.stdout).toMatch(
      /^removed golden\/gone \(.*\)\nremoved golden\/tiny\/baselines\/\S+, scene long-gone \(.*\)\n$/,
    )
    expect(readdirSync(join(folder, 'golden')).sort()).toEqual(['latest', 'retired', 'set', 'tiny', 'v2'])
    expect(existsSync(join(folder, 'golden/set/inner/manifest.json'))).toBe(true)
  })

  test('are none of what any of several configs needs', async () => {
    const folder = await accepted()
    const { environment, ...rest } = readJson(baselineFile(folder))
    const there = { ...environment, precision: 'fp16' }
    const half = `${baselineKey(there)}.json`
    writeFileSync(join(baselines(folder), half), JSON.stringify({ environment: there, ...rest }))
    for (const name of ['retired', 'gone'])
      cpSync(join(folder, 'golden/tiny'), join(folder, 'golden', name), { recursive: true })
    const tiny = { onnx: 'models/tiny.onnx' }
    const other = { models: { tiny: { ...tiny, precisions: ['fp16'] }, retired: tiny } }
    writeFileSync(join(folder, 'other.config.json'), JSON.stringify(other))
    await depthgate(['gate'], folder)
    const pruned = (...configs: string[]) =>
      depthgate(['prune', '--dry-run', ...configs.flatMap(file => ['--config', file])], folder)
    const alone = (await pruned()).stdout
    for (const path of [`golden/tiny/baselines/${half}`, 'golden/retired', 'golden/gone'])
      expect(alone).toContain(`would remove ${path} (`)
    expect(alone).toContain(
      'by depthgate.config.json alone; what other configs need stays where each is given',
    )
    expect((await pruned('depthgate.config.json', 'other.config.json')).stdout).toBe(
      'would remove golden/gone (goldens of a model that depthgate.config.json does not name)\n',
    )
  })

  test('of an engine that this config does not have are left to the config that has it', async () => {
    const folder = await accepted()
    const other = (change: object) => {
      const { environment, ...rest } = readJson(baselineFile(folder))
      const there = { ...environment, ...change, precision: 'tf32' }
      writeFileSync(
        join(baselines(folder), `${baselineKey(there)}.json`),
        JSON.stringify({ environment: there, ...rest }),
      )
    }
    other({ engine: 'tensorrt', provider: 'cuda' })
    other({ provider: 'cuda' })
    expect((await depthgate(['gate'], folder)).stdout).not.toContain('obsolete')
    other({})
    expect((await depthgate(['gate'], folder)).stdout).toMatch(
      /obsolete, .*\n.*\n {2}golden\/tiny\/baselines\/tf32-\S+\.json: depthgate\.config\.json no longer runs tiny at tf32\n\n/,
    )
  })

  test('are not looked for under a filter, and prune then refuses', async () => {
    const folder = await aged()
    const { stdout } = await depthgate(['gate', '--scene', 'waves'], folder)
    expect(stdout).not.toContain('obsolete')
    expect(await depthgate(['prune'], folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('was filtered, and does not know what is obsolete'),
    })
  })

  test("another machine's baselines are left alone, an older version's of this one are not", async () => {
    const folder = await accepted()
    const file = baselineFile(folder)
    const baseline = readJson(file)
    const { baselineKey } = await import('../../src/gate/baseline-file.ts')
    const other = (change: object) => {
      const environment = { ...baseline.environment, ...change }
      const name = `${baselineKey(environment)}.json`
      writeFileSync(join(baselines(folder), name), JSON.stringify({ ...baseline, environment }))
      return name
    }
    const old = other({ engineVersion: '1.20.0' })
    const elsewhere = other({ device: 'arm64 Apple M9' })
    const { stdout } = await depthgate(['gate'], folder)
    expect(stdout).toContain(`${old}: onnxruntime 1.20.0 gave way to 1.30.0 on this machine`)
    expect(stdout).not.toContain(elsewhere)
  })
})

test('a baseline with conflict marks breaks the cases that need it, told once', async () => {
  const folder = await accepted()
  const file = baselineFile(folder)
  writeFileSync(file, `<<<<<<< ours\n${readFileSync(file, 'utf8')}\n=======\n>>>>>>> theirs\n`)
  const { code, stdout } = await depthgate(['gate'], folder)
  expect(code).toBe(2)
  expect(stdout).toMatch(
    /\nbroken: tiny\/gradient\/fp32\/cpu, tiny\/waves\/fp32\/cpu\n.*holds merge-conflict marks\. Resolve them/,
  )
  // half a merge is for a person to mend
  expect(stdout).not.toContain('obsolete')
})
