import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { beforeAll, describe, expect, test } from 'vitest'
import type { JudgedRecord } from '../../src/gate/run-record.ts'
import { depthgate, run } from '../helpers/cli.ts'
import { repo, temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'

/** No CI, and none of GitHub's variables, unless a test sets them. */
const quiet = { CI: '', GITHUB_ACTIONS: '', GITHUB_STEP_SUMMARY: '', GITHUB_WORKSPACE: '' }
const read = (...path: string[]) => readFileSync(join(...path), 'utf8')

describe.concurrent('reports of the gate', () => {
  test('a page is written unasked, and can be refused', async () => {
    const folder = tinyProject()
    const first = await depthgate(['gate'], folder, quiet)
    expect(first).toMatchObject({ code: 0, stderr: '' })
    expect(first.stdout).toContain('report: .depthgate/report/index.html')
    const page = read(folder, '.depthgate/report/index.html')
    expect(page).toContain('All 2 cases pass')
    expect(page.match(/class="slider"/g)!.length).toBe(4)
    rmSync(join(folder, '.depthgate'), { recursive: true })
    await depthgate(['gate', '--report', 'none'], folder, quiet)
    expect(existsSync(join(folder, '.depthgate/report'))).toBe(false)
  })

  test('every format of a failing run; JSON keeps its published schema', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    const { code, stdout } = await depthgate(
      [
        'gate',
        ...['html', 'json=out/run.json', 'junit=out/junit.xml', 'markdown'].flatMap(one => ['--report', one]),
      ],
      folder,
      {
        ...quiet,
        GITHUB_ACTIONS: 'true',
        GITHUB_STEP_SUMMARY: join(folder, 'step.md'),
        GITHUB_WORKSPACE: folder,
      },
    )
    expect(code).toBe(1)
    const ajv = new Ajv2020({ strict: true, allErrors: true, allowUnionTypes: true })
    addFormats.default(ajv)
    const validate = ajv.compile(JSON.parse(read(repo, 'dist/schema/run.schema.json')))
    expect(validate(JSON.parse(read(folder, 'out/run.json'))), JSON.stringify(validate.errors)).toBe(true)
    expect(read(folder, 'out/junit.xml')).toMatch(
      /\[\[ATTACHMENT\|\.depthgate\/failures\/tiny\/\S+\/depth\.png\]\]/,
    )
    expect(read(folder, 'step.md')).toBe(`${read(folder, '.depthgate/report/summary.md')}\n`)
    const commands = stdout.split('\n').filter(line => line.startsWith('::'))
    expect(commands).toHaveLength(2)
    expect(commands[0]).toMatch(/^::error file=depthgate\.config\.json,line=1,title=depthgate tiny\//)
    expect(read(folder, '.depthgate/report/index.html')).toContain('2 of 2 cases fail')
  })

  test('of a saved run, with its exit code; a report that cannot be written is told', async () => {
    const folder = tinyProject({}, 'poisoned.onnx')
    await depthgate(['gate', '--save', 'kept', '--report', 'none'], folder, quiet)
    const made = await depthgate(
      ['report', 'kept', '--report', 'html=a.html', '--report', 'junit=j.xml'],
      folder,
      quiet,
    )
    expect(made).toMatchObject({ code: 1, stdout: 'report: a.html\nreport: j.xml\n', stderr: '' })
    expect(read(folder, 'a.html')).toMatch(/"p[0-9a-f]{12}":"data:image\/png;base64,/)
    mkdirSync(join(folder, 'taken.html'))
    const lost = await depthgate(['report', 'kept', '--report', 'html=taken.html'], folder, quiet)
    expect(lost.code).toBe(2)
    expect(lost.stderr).toContain('taken.html: cannot be written')
  })

  test('of a run from elsewhere, without running a config that lies with it', async () => {
    const [project, folder] = [tinyProject(), temporaryFolder()]
    await depthgate(
      ['gate', '--scene', 'waves', '--save', join(folder, 'run'), '--report', 'none'],
      project,
      quiet,
    )
    const file = join(folder, 'run/run.json')
    writeFileSync(file, read(file).replace('"depthgate.config.json"', '"depthgate.config.ts"'))
    writeFileSync(
      join(folder, 'run/depthgate.config.ts'),
      `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(join(folder, 'ran'))}, '')\nexport default {}`,
    )
    await depthgate(['report', 'run', '--report', 'html=page.html'], folder, quiet)
    expect(read(folder, 'page.html')).toContain('tiny/waves')
    expect(existsSync(join(folder, 'ran'))).toBe(false)
  })

  test('show a map of the wrong shape beside its golden, each with its shape', async () => {
    const folder = tinyProject()
    const scene = join(folder, 'golden/tiny/waves/inverse_depth.npy')
    writeFileSync(
      join(folder, 'app.cjs'),
      `const fs = require('node:fs')
const [, , , depth, fov] = process.argv
const bytes = fs.readFileSync(${JSON.stringify(scene)})
const at = bytes.indexOf('(24, 32)')
bytes.write('(32, 24)', at)
fs.writeFileSync(depth, bytes)
fs.writeFileSync(fov, Buffer.from(new Float32Array([50]).buffer))`,
    )
    const app = {
      engine: 'command',
      command: [process.execPath, 'app.cjs', '{input}', '{output:inverse_depth}', '{output:fov_deg}'],
      raw: { fov_deg: { type: 'float32', shape: [1] } },
    }
    writeConfig(folder, { engines: { app }, models: { tiny: { onnx: 'models/tiny.onnx' } } })
    const { code } = await depthgate(['gate', '--scene', 'waves', '--save', 'run'], folder, quiet)
    expect(code).toBe(1)
    const page = () => read(folder, '.depthgate/report/index.html')
    expect(page()).toContain(
      '<p>Not compared: the engine gave 32×24, the golden is 24×32; it is transposed.</p>',
    )
    // depth, which follows from it, too
    expect(page().match(/<figcaption>golden, 24×32<\/figcaption>/g)).toHaveLength(2)
    expect(page().match(/<figcaption>engine, 32×24<\/figcaption>/g)).toHaveLength(2)
    for (const [, key] of page().matchAll(/data-picture="(p\w+)"/g))
      expect(page()).toContain(`"${key}":"data:image/png;base64,`)
    rmSync(join(folder, 'depthgate.config.json'))
    await depthgate(['report', 'run'], folder, quiet)
    expect(page()).toContain('No picture of the golden: no config was found that names the golden.')
    expect(page()).toContain('<figcaption>engine, 32×24</figcaption>')
  })

  test('of a run of another config holds its pixels and limits, and not the history of others', async () => {
    const folder = tinyProject()
    const model = { onnx: 'models/tiny.onnx', outputs: { depth: { range: { max: 3 } } } }
    writeFileSync(
      join(folder, 'near.config.json'),
      JSON.stringify({ models: { tiny: { ...model, golden: 'golden/moved' } } }),
    )
    cpSync(join(folder, 'golden/tiny'), join(folder, 'golden/moved'), { recursive: true })
    await depthgate(['gate', '--scene', 'waves', '--report', 'none'], folder, quiet)
    rmSync(join(folder, 'golden/tiny'), { recursive: true })
    const args = ['gate', '--config', 'near.config.json', '--scene', 'waves', '--report', 'none']
    await depthgate([...args, '--save', 'near'], folder, quiet)
    await depthgate(['report', 'near', '--report', 'html=near.html'], folder, quiet)
    const page = read(folder, 'near.html')
    const compared = JSON.parse(read(folder, 'near/run.json')).cases[0].verdict.outputs.find(
      ({ output }: { output: string }) => output === 'depth',
    ).counts.compared
    expect(compared).toBeLessThan(768)
    expect(page).toContain(`${compared} of 768 pixels compared`)
    expect(page).toContain(`Of ${compared} pixels half are off`)
    expect(page).not.toContain('Run after run')
    await depthgate(args, folder, quiet)
    await depthgate(args, folder, quiet)
    const [, , last] = readdirSync(join(folder, '.depthgate/runs')).sort()
    await depthgate(['report', `.depthgate/runs/${last}`, '--report', 'html=last.html'], folder, quiet)
    expect(read(folder, 'last.html').match(/ UTC<\/th>/g)).toHaveLength(1)
  })

  test.each([
    [['gate', '--report', 'htlm'], /--report htlm: "htlm" is unknown; did you mean "html"/],
    [['report'], /takes one saved run, got 0/],
    [['report', 'nowhere'], /nowhere: does not exist\. Name the folder of a saved run/],
  ])('%j is a clear error', async (args, message) => {
    const { code, stderr } = await depthgate(args, tinyProject(), quiet)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})

describe('depthgate/reporter', () => {
  let project: string
  const vitest = (args: string[], env: NodeJS.ProcessEnv = {}) =>
    run(process.execPath, [join(repo, 'node_modules/vitest/vitest.mjs'), ...args], project, {
      ...quiet,
      ...env,
    })
  const reportOf = () => JSON.parse(read(project, '.depthgate/report/run.json'))

  beforeAll(() => {
    project = temporaryFolder()
    mkdirSync(join(project, 'models'))
    mkdirSync(join(project, 'node_modules'))
    symlinkSync(repo, join(project, 'node_modules/depthgate'))
    symlinkSync(join(repo, 'node_modules/vitest'), join(project, 'node_modules/vitest'))
    for (const name of ['tiny', 'poisoned']) {
      cpSync(join(repo, `fixtures/tiny/${name}.onnx`), join(project, `models/${name}.onnx`))
      cpSync(join(repo, 'fixtures/tiny/golden/tiny'), join(project, 'golden', name), { recursive: true })
    }
    writeConfig(project, {
      models: { tiny: { onnx: 'models/tiny.onnx' }, poisoned: { onnx: 'models/poisoned.onnx' } },
    })
    const file = (name: string, text: string) => writeFileSync(join(project, name), text)
    file('package.json', '{"type":"module"}')
    file(
      'vitest.config.ts',
      `import { defineConfig } from 'vitest/config'
export default defineConfig({
  test: {
    setupFiles: ['depthgate/vitest'],
    reporters: [['depthgate/reporter', { report: ['html', 'junit', 'json', 'markdown'] }]],
  },
})`,
    )
    file(
      'good.test.ts',
      `import { infer, scenes } from 'depthgate'
import { expect, test } from 'vitest'
test.each(scenes('tiny'))('tiny %s', async scene => {
  expect(await infer('tiny', { scene })).toMatchGolden()
})
test('no depth here', () => expect(1).toBe(1))`,
    )
    file(
      'bad.test.ts',
      `import { infer } from 'depthgate'
import { expect, test } from 'vitest'
test('poisoned', { retry: 1 }, async () => {
  expect(await infer('poisoned', { scene: 'waves' })).toMatchGolden()
})
test('an array', () => {
  expect(new Float32Array(768).fill(2)).toMatchGolden('tiny/waves', { precision: 'fp16' })
})
test('an unknown model', async () => {
  expect(await infer('tinny', { scene: 'waves' })).toMatchGolden()
})`,
    )
  })

  const expected = [
    ['poisoned', 'waves', 'fp32', 'cpu', false],
    ['tiny', 'gradient', 'fp32', 'cpu', true],
    ['tiny', 'waves', 'fp16', 'array', false],
    ['tiny', 'waves', 'fp32', 'cpu', true],
  ]
  const told = () =>
    reportOf()
      .cases.map(({ model, scene, precision, engine, verdict }: JudgedRecord) => [
        model,
        scene,
        precision,
        engine,
        verdict.pass,
      ])
      .sort((a: string[], b: string[]) => (a.join() < b.join() ? -1 : 1))

  test('makes the reports of a run of tests: a verdict a case, the retry once, errors as broken', async () => {
    const { code, stdout } = await vitest(['run'])
    expect(code).toBe(1)
    expect(stdout).toContain('depthgate report: .depthgate/report/index.html')
    expect(stdout).not.toContain('::error')
    expect(told()).toEqual(expected)
    const run = reportOf()
    expect(run.broken).toEqual([
      {
        model: 'an unknown model',
        error: expect.stringContaining('did you mean "tiny"?'),
        test: { name: 'an unknown model', file: 'bad.test.ts', line: 10 },
      },
    ])
    const poisoned = run.cases.find(({ model }: { model: string }) => model === 'poisoned')
    expect(poisoned.test).toEqual({ name: 'poisoned', file: 'bad.test.ts', line: 4 })
    expect(poisoned.verdict.attribution.cause).toBe('export')
    expect(read(project, '.depthgate/report/junit.xml')).toContain('file="bad.test.ts" line="4"')
    const page = read(project, '.depthgate/report/index.html')
    expect(page).not.toContain('No pictures')
    // two maps of each inference and the array
    expect(page.match(/class="slider"/g)).toHaveLength(7)
  })

  test('attaches the pictures of a failure to its test, for other reporters', async () => {
    rmSync(join(project, '.vitest-attachments'), { recursive: true, force: true })
    const { stderr } = await vitest(['run', 'bad.test.ts', '--reporter=default'])
    expect(stderr).toContain('poisoned/waves depth: golden, engine, error')
    const attached = readdirSync(join(project, '.vitest-attachments'))
    expect(attached.filter(name => name.startsWith('poisoned-waves-depth-golden-engine-error'))).toHaveLength(
      1,
    )
  })

  test('puts failures on the lines of their tests on GitHub, unless Vitest does', async () => {
    const env = { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: project }
    const alone = await vitest(['run'], env)
    const commands = alone.stdout.split('\n').filter(line => line.startsWith('::error'))
    expect(commands).toHaveLength(3)
    expect(commands).toContainEqual(
      expect.stringMatching(/^::error file=bad\.test\.ts,line=7,title=depthgate tiny/),
    )
    const both = await vitest(['run', '--reporter=github-actions', '--reporter=depthgate/reporter'], env)
    expect(both.stdout.split('\n').filter(line => /^::error.*title=depthgate /.test(line))).toEqual([])
  })

  test('makes one report of the shards of a run', async () => {
    rmSync(join(project, '.depthgate'), { recursive: true })
    for (const shard of ['1/2', '2/2'])
      await vitest(['run', `--shard=${shard}`, '--reporter=blob', '--reporter=depthgate/reporter'])
    expect(reportOf().cases).toHaveLength(2)
    const { code, stdout } = await vitest(['--merge-reports', '--reporter=depthgate/reporter'])
    expect(code).toBe(1)
    expect(stdout).toContain('depthgate report: .depthgate/report/index.html')
    expect(told()).toEqual(expected)
    expect(read(project, '.depthgate/report/index.html')).not.toContain('No pictures')
  })

  test('says so where no test judged a depth', async () => {
    const { code, stdout } = await vitest(['run', '-t', 'no depth here'])
    expect(code).toBe(0)
    expect(stdout).toContain('no test called toMatchGolden, so there is nothing to report')
  })

  test('refuses an option that nobody reads', async () => {
    const config = read(project, 'vitest.config.ts')
    writeFileSync(join(project, 'other.config.ts'), config.replace('report:', 'reports:'))
    const { code, stderr } = await vitest(['run', '--config', 'other.config.ts'])
    expect(code).toBe(1)
    expect(stderr).toContain('"reports" is unknown; did you mean "report"?')
  })
})
