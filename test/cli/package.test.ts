import { copyFileSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { run } from '../helpers/cli.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { packedTarball } from '../helpers/tarball.ts'

/** An empty project that installs the packed tarball, as a user does. */
let project: string
const env = { ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_audit: 'false', npm_config_fund: 'false' }
const npx = (...args: string[]) => run('npx', ['--no-install', ...args], project, { ...env, CI: '' })
const file = (name: string, text: string) => writeFileSync(join(project, name), text)

beforeAll(async () => {
  project = temporaryFolder()
  file('package.json', JSON.stringify({ name: 'user', private: true, type: 'module' }))
  const installed = await run(
    'npm',
    ['install', await packedTarball(), 'vitest@~4.1', 'typescript@~5.9', '@types/node@20'],
    project,
    env,
  )
  expect(installed, installed.stderr).toMatchObject({ code: 0 })

  mkdirSync(join(project, 'models'))
  for (const name of ['tiny', 'poisoned'])
    copyFileSync(join(repo, `fixtures/tiny/${name}.onnx`), join(project, `models/${name}.onnx`))
  for (const name of ['tiny', 'poisoned'])
    cpSync(join(repo, 'fixtures/tiny/golden/tiny'), join(project, 'golden', name), { recursive: true })
  file(
    'depthgate.config.ts',
    `import { defineConfig } from 'depthgate/config'
export default defineConfig({ models: { tiny: { onnx: 'models/tiny.onnx' }, poisoned: { onnx: 'models/poisoned.onnx' } } })`,
  )
  file(
    'vitest.config.ts',
    `import { defineConfig } from 'vitest/config'\nexport default defineConfig({ test: { setupFiles: ['depthgate/vitest', './again.ts'] } })`,
  )
  file('again.ts', `import 'depthgate/vitest'`)
  file(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        strict: true,
        module: 'nodenext',
        target: 'es2023',
        skipLibCheck: false,
        noEmit: true,
        types: ['node'],
      },
    }),
  )
  file(
    'good.test.ts',
    `import { infer, scenes } from 'depthgate'
import { expect, test } from 'vitest'

test.each(scenes('tiny'))('%s', async (scene) => {
  const depth = await infer('tiny', { scene, precision: 'fp32' })
  expect(depth).toMatchGolden()
})
test.concurrent.each(scenes('tiny'))('%s concurrent', async (scene) => {
  expect(await infer('tiny', { scene, fusion: 'off' })).toMatchGolden({ tolerance: { rmse: '1%' } })
})
let tries = 0
test('retried', { retry: 2 }, async () => {
  const depth = await infer(++tries < 3 ? 'poisoned' : 'tiny', { scene: 'waves' })
  expect(depth).toMatchGolden()
})`,
  )
  file(
    'bad.test.ts',
    `import { infer } from 'depthgate'
import { expect, test } from 'vitest'

test('soft', async () => {
  expect.soft(await infer('poisoned', { scene: 'waves' })).toMatchGolden()
  expect.soft(await infer('poisoned', { scene: 'gradient' })).toMatchGolden()
  expect.soft(await infer('tiny', { scene: 'waves' })).toMatchGolden()
})
test('not awaited', () => {
  expect(infer('tiny', { scene: 'waves' })).toMatchGolden()
})`,
  )
  file(
    'types.ts',
    `import { infer, type Verdict } from 'depthgate'
import { defineConfig } from 'depthgate/config'
import { expect } from 'vitest'
const inference = await infer('tiny', { scene: 'waves', precision: 'fp16' })
const matched: void = expect(inference).toMatchGolden()
expect(inference.depth).toMatchGolden('tiny/waves', { output: 'depth', precision: 'bf16', tolerance: { absRel: 0.1, rmse: '2%' } })
export const reason = (verdict: Verdict): string => verdict.reason + String(matched)
// @ts-expect-error an unknown metric
expect(inference).toMatchGolden({ tolerance: { absrel: 1 } })
// @ts-expect-error an unknown precision
infer('tiny', { scene: 'waves', precision: 'fp61' })
// @ts-expect-error a percentage of what has none is no limit
export const wrong = defineConfig({ models: { tiny: { onnx: 'a', outputs: { depth: { tolerance: { fp32: { rmse: '1' } } } } } } })`,
  )
}, 600_000)

interface Report {
  numPassedTests: number
  numFailedTests: number
  testResults: {
    message?: string
    assertionResults: { title: string; status: string; failureMessages: string[] }[]
  }[]
}

async function vitest(...args: string[]): Promise<Report> {
  const { stdout, stderr } = await npx('vitest', 'run', '--reporter=json', ...args)
  if (!stdout.trimStart().startsWith('{')) throw new Error(stdout + stderr)
  return JSON.parse(stdout.slice(stdout.indexOf('{'))) as Report
}
const failuresOf = (report: Report) =>
  report.testResults
    .flatMap(({ message, assertionResults }) => [
      message ?? '',
      ...assertionResults.flatMap(test => test.failureMessages),
    ])
    .filter(text => text !== '')

describe('the packed package in an empty project', () => {
  test('holds what it needs and nothing of the repository', async () => {
    const entries = readdirSync(join(project, 'node_modules/depthgate'), {
      recursive: true,
      encoding: 'utf8',
    })
    expect(entries).toEqual(
      expect.arrayContaining([
        'dist/golden/capture.py',
        'dist/schema/manifest.schema.json',
        'dist/schema/config.schema.json',
        'dist/example/models/tiny.onnx',
        'dist/example/golden/tiny/manifest.json',
        'LICENSE',
        'README.md',
      ]),
    )
    expect(entries.filter(entry => /^(src|test|fixtures|golden|models)\b/.test(entry))).toEqual([])
  })

  test.each(['forks', 'threads'])(
    'its matcher works in the pool %s: each, concurrent, retry, set-up imported twice',
    async pool => {
      const report = await vitest('good.test.ts', `--pool=${pool}`)
      expect(report.testResults[0]!.assertionResults.filter(test => test.status !== 'passed')).toEqual([])
      expect(report).toMatchObject({ numPassedTests: 5, numFailedTests: 0 })
    },
  )

  test.each(['vmThreads', 'vmForks'])('the pool %s gets a message that says what to do', async pool => {
    const failures = failuresOf(await vitest('good.test.ts', `--pool=${pool}`))
    expect(failures.length).toBeGreaterThan(0)
    for (const failure of failures) expect(failure).toContain("Set `pool: 'forks'`")
  })

  test('expect.soft reports each failure; a forgotten await fails its own test', async () => {
    const report = await vitest('bad.test.ts')
    const [soft, forgotten] = report.testResults[0]!.assertionResults
    expect(soft).toMatchObject({ title: 'soft', status: 'failed' })
    expect(soft!.failureMessages).toHaveLength(2)
    expect(soft!.failureMessages[0]).toContain('poisoned/waves at fp32 does not match its golden')
    expect(forgotten).toMatchObject({ title: 'not awaited', status: 'failed' })
    expect(forgotten!.failureMessages[0]).toContain('write `expect(await infer(')
  })

  test('types: the matcher, its options, and mistakes in them', async () => {
    expect(await npx('tsc')).toMatchObject({ code: 0, stdout: '' })
  })

  test('npx depthgate gate and compare run', async () => {
    expect(await npx('depthgate', 'gate', '--model', 'tiny')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 passed, 0 failed'),
    })
    const depth = 'golden/tiny/waves/depth.npy'
    expect(await npx('depthgate', 'compare', depth, depth, '--json')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"pass": true'),
    })
  })
})
