import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { readBaseline } from '../../src/gate/baseline-file.ts'
import { readPending } from '../../src/gate/pending.ts'
import { readRun, saveRun } from '../../src/gate/run-store.ts'
import { depthgate, run } from '../helpers/cli.ts'
import { repo, temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'

/** A program that writes version `v` of a baseline, of a pending entry and of a saved run, each over the one before. */
const writer = (folder: string, v: number) => {
  const module = (name: string) => JSON.stringify(pathToFileURL(join(repo, 'dist/gate', name)).href)
  return `
  const [folder, v] = [${JSON.stringify(folder)}, ${v}]
  const { changeBaseline, baselineKey } = await import(${module('baseline-file.js')})
  const { writePending } = await import(${module('pending.js')})
  const { saveRun } = await import(${module('run-store.js')})
  const environment = { precision: 'fp32', fusion: 'on', arithmetic: 'native', engine: 'e', engineVersion: '1', provider: 'cpu', device: 'd' }
  const accepted = { by: 'Ada', date: '2026-11-24T00:00:00.000Z', reason: String(v) }
  changeBaseline(folder + '/' + baselineKey(environment) + '.json', environment, scenes => ({ ...scenes, ['s' + v]: { accepted, onnx: 'o', outputs: {} } }))
  const verdict = { model: 'm', scene: 's', precision: 'fp32', pass: true, reason: String(v), outputs: [], notes: [] }
  const baseline = { type: 'none', key: 'k', missing: [] }
  writePending(folder, { schemaVersion: 1, kind: 'new', model: 'm', scene: 's', precision: 'fp32', environment, made: accepted.date, verdict, baseline, pictures: {} })
  const writer = saveRun(folder + '/run', { replace: true })
  const name = { model: 'm', scene: 's', precision: 'fp32', engine: 'cpu' }
  const { default: ndarray } = await import('ndarray')
  const depth = ndarray(Float32Array.from({ length: 64 }, () => v), [8, 8])
  const outputs = writer.saveOutputs(name, { depth })
  const host = { node: '20', platform: 'p', arch: 'a', cpu: 'c', cores: 1, ci: false }
  writer.finish({ schemaVersion: 1, header: { id: String(v), depthgate: '0', started: accepted.date, ended: accepted.date, partial: false, host }, plan: [name], cases: [{ type: 'judged', ...name, milliseconds: 1, verdict, baseline, outputs }], quality: [], broken: [], remarks: [], obsolete: [] })
`
}

/** Writes version `v`; ends at the `at`-th change of a file, or in the usual way where there are fewer. */
async function write(folder: string, v: number, at: number): Promise<'killed' | 'finished'> {
  const args = [
    '--import',
    join(repo, 'test/helpers/kill-at.mjs'),
    '--input-type=module',
    '-e',
    writer(folder, v),
  ]
  const { code, stderr } = await run(process.execPath, args, repo, {
    KILL_IN: folder,
    KILL_AT: String(at),
  })
  if (code !== 0 && code !== -1) throw new Error(stderr)
  return code === 0 ? 'finished' : 'killed'
}

test('killed before any of its writes, each file is the old one or the new one, whole, and the next run mends the rest', async () => {
  const folder = join(temporaryFolder(), 'project')
  mkdirSync(folder)
  expect(await write(folder, 0, Number.POSITIVE_INFINITY)).toBe('finished')
  const versions = () => {
    const baseline = readdirSync(folder).find(name => name.endsWith('.json'))!
    // what a kill in the middle of a replacement left is put right by whoever saves next
    saveRun(join(folder, 'other')).discard()
    return {
      baseline: Object.keys(readBaseline(join(folder, baseline))!.scenes),
      pending: Number(readPending(folder)[0]!.verdict.reason),
      run: Number(readRun(join(folder, 'run')).run.header.id),
    }
  }
  let before = versions()
  let at = 1
  for (; (await write(folder, at, at)) === 'killed'; at++) {
    const now = versions()
    expect(new Set([...before.baseline, `s${at}`])).toEqual(new Set([...now.baseline, `s${at}`]))
    expect([before.pending, at]).toContain(now.pending)
    expect([before.run, at]).toContain(now.run)
    before = now
  }
  // every write of the three was reached
  expect(at).toBeGreaterThan(25)
  saveRun(join(folder, 'other')).discard()
  expect(readRun(join(folder, 'run')).run.header.id).toBe(String(at))
  expect(readdirSync(folder).filter(name => /\.(run|old)-/.test(name))).toEqual([])
}, 240_000)

describe.concurrent('a disk that is full', () => {
  /**
   * A project on a small disk of its own: `before` runs while there is room, `args` when the disk was filled to the last
   * byte, `after` when it was emptied again. What the last two printed comes back, with what was left below golden/.
   */
  async function onFullDisk(before: string, args: string, after: string) {
    const folder = tinyProject()
    const cli = `"$0" ${join(repo, 'dist/cli/main.js')}`
    const script = `
      set -e
      mkdir disk; mount -t tmpfs -o size=2m none disk; cp -r depthgate.config.json golden models disk/; cd disk
      ${before.replaceAll('depthgate', cli)}
      head -c 10M /dev/zero > filler 2>/dev/null || true
      set +e
      ${cli} ${args}; echo "exit code $?"; rm filler; find golden .depthgate -type f -path '*baselines*' -o -name '.*.run-*'
      ${cli} ${after}; echo "exit code $?"`
    return run('unshare', ['-rm', 'bash', '-c', script, process.execPath], folder)
  }
  const possible = () => run('unshare', ['-rm', 'sh', '-c', 'mount -t tmpfs none /mnt'], repo)
  const reason = 'this machine lets no test mount a disk of its own'

  test('costs a gate its saved run, not its verdict', async ({ skip }) => {
    if ((await possible()).code !== 0) skip(reason)
    const { stdout, stderr } = await onFullDisk('', 'gate', 'gate')
    expect(stdout).toMatch(
      /2 passed, 0 failed in[^\n]*\nexit code 0\nplan[\s\S]*saved: [\s\S]*exit code 0\n$/,
    )
    expect(stderr).toMatch(/note: .*the run cannot be saved \(ENOSPC.*Make room or check permissions/)
  })

  test('leaves the old baseline where the new one does not fit', async ({ skip }) => {
    if ((await possible()).code !== 0) skip(reason)
    const prepare = 'depthgate gate >/dev/null; depthgate accept tiny/waves >/dev/null'
    const { stdout, stderr } = await onFullDisk(prepare, 'accept --all', 'accept --all')
    expect(stderr).toMatch(/cannot be (written|made) \(ENOSPC/)
    expect(stdout).toMatch(
      /^exit code 2\ngolden\/tiny\/baselines\/fp32\S+\.json\n✓ accepted tiny\/gradient\/\S+ into \S+\nexit code 0\n$/,
    )
  })
})

describe.concurrent('a folder that cannot be written', () => {
  test.each(['mend', 'explain'])('is named by %s before anything is tried', async verb => {
    const folder = tinyProject()
    writeFileSync(join(folder, '.depthgate'), '')
    const { code, stdout, stderr } = await depthgate([verb, 'tiny'], folder)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(
      /^depthgate: \.depthgate\/mend: cannot be written: \.depthgate is no folder\. What .*: make it writable, or name another folder, by `cache` in the config or by DEPTHGATE_CACHE in the environment\n$/,
    )
  })

  test('is named by a gate that makes a variant, and another one takes its place', async () => {
    const folder = tinyProject({ precisions: ['fp16'] })
    writeFileSync(join(folder, '.depthgate'), '')
    const gate = (env: NodeJS.ProcessEnv = {}) =>
      depthgate(['gate', '--no-save', '--report', 'none'], folder, env)
    const refused = await gate()
    expect(refused.code).toBe(2)
    expect(refused.stdout).toMatch(
      /^\.depthgate\/variants: cannot be written: .*`cache` in the config or by DEPTHGATE_CACHE in/m,
    )
    const config = JSON.parse(readFileSync(join(folder, 'depthgate.config.json'), 'utf8'))
    writeConfig(folder, { ...config, cache: 'of/config' })
    expect(await gate()).toMatchObject({ code: 0 })
    const made = readdirSync(join(folder, 'of/config/variants'))
    expect(made).toHaveLength(2)

    writeConfig(folder, { ...config, cache: '.depthgate' })
    expect(await gate({ DEPTHGATE_CACHE: 'of/environment' })).toMatchObject({ code: 0 })
    expect(readdirSync(join(folder, 'of/environment/variants'))).toEqual(made)
    const mended = await depthgate(['mend', 'tiny'], folder, { DEPTHGATE_CACHE: 'of/environment' })
    expect(mended).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(join(folder, 'of/environment/mend'))).toHaveLength(1)
  })

  test('is a note of a gate, unless --save names it', async () => {
    const folder = tinyProject()
    writeFileSync(join(folder, '.depthgate'), '')
    const { code, stdout, stderr } = await depthgate(['gate'], folder)
    expect(stdout).toContain('2 passed, 0 failed')
    expect(stderr).toMatch(/^note: .*the run cannot be saved/m)
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(code).toBe(0)
    const named = await depthgate(['gate', '--save', '.depthgate/run'], folder)
    expect(named).toEqual({
      code: 2,
      stdout: '',
      stderr:
        'depthgate: --save .depthgate/run: cannot be written: .depthgate is no folder. Choose another place\n',
    })
  })

  // root may write everywhere, so root's test is someone else's
  const user = process.getuid?.() === 0 ? { uid: 65534 } : {}
  const readable = () => {
    const folder = tinyProject()
    chmodSync(folder, 0o755)
    return folder
  }
  const asUser = (args: string[], folder: string) =>
    run(process.execPath, [join(repo, 'dist/cli/main.js'), ...args], folder, {}, user)

  test('costs a gate its run and its pending entries, not its verdict', async ({ skip }) => {
    const folder = readable()
    if ((await asUser(['--version'], folder)).code !== 0) skip('nobody may not read this checkout')
    chmodSync(folder, 0o555)
    const { code, stdout, stderr } = await asUser(['gate'], folder)
    expect(stdout).toContain('2 passed, 0 failed')
    expect(stderr.match(/^note: /gm)).toHaveLength(3)
    expect(stderr).toMatch(/note: .*the run cannot be saved/)
    expect(stderr).toMatch(/note: .*\.depthgate\/pending\S+ cannot be written/)
    expect(stderr).toMatch(/note: .*\.depthgate\/report\/index\.html: cannot be written/)
    expect(code).toBe(0)
    expect(existsSync(join(folder, '.depthgate'))).toBe(false)
  })

  test('is named when a baseline should go there', async ({ skip }) => {
    const folder = readable()
    if ((await asUser(['--version'], folder)).code !== 0) skip('nobody may not read this checkout')
    await depthgate(['gate', '--save', 'run'], folder)
    chmodSync(join(folder, 'golden/tiny'), 0o555)
    const { code, stderr } = await asUser(['accept', '--all', '--run', 'run'], folder)
    expect(stderr).toMatch(
      /golden\/tiny\/baselines\S*: cannot be made .*Check the folder and its permissions/,
    )
    expect(stderr).not.toMatch(/\n\s+at /)
    expect(code).toBe(2)
  })
})

describe.concurrent('a config that throws', () => {
  test.each(['gate', 'gate --dry-run', 'pending', 'accept --all', 'prune', 'tolerance suggest'])(
    'is named by depthgate %s',
    async args => {
      const folder = tinyProject()
      writeConfig(folder, {})
      writeFileSync(join(folder, 'bad.config.ts'), `throw new Error('no models today')`)
      const { code, stderr } = await depthgate([...args.split(' '), '--config', 'bad.config.ts'], folder)
      expect(stderr).toMatch(/^depthgate: bad\.config\.ts: threw while it was loaded: no models today\n$/)
      expect(code).toBe(2)
    },
  )
})
