import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'

describe('depthgate doctor', () => {
  test('says what works here, and for the rest why not and what mends it', async () => {
    const { code, stdout, stderr } = await depthgate(
      ['doctor', '--python', '/none/python'],
      temporaryFolder(),
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/^✓ onnxruntime on the CPU: ONNX Runtime 1\.\d+\.\d+, provider cpu, on /m)
    expect(stdout).toMatch(/^✗ tensorrt: .*\/none\/python: cannot be started.*\n {4}Install Python/m)
    // where ONNX Runtime's GPU providers lack a library, it is named, and ONNX Runtime has nothing to print beside that
    for (const line of stdout.split('\n').filter(line => line.includes('provider does not load')))
      expect(line).toMatch(/does not load: \S+\.so\S*: cannot open shared object file$/)
    expect(stderr).not.toContain('Failed to load library')
    expect(stdout).toMatch(/^✗ PyTorch, for capture: \/none\/python cannot be started\n {4}Install Python/m)
  })

  test('nothing of ONNX Runtime is left behind: it sends nothing to its maker', async () => {
    const [home, temporary] = [temporaryFolder(), temporaryFolder()]
    const env = { HOME: home, XDG_CACHE_HOME: undefined, TMPDIR: temporary, ORT_DISABLE_TELEMETRY: undefined }
    const { code } = await depthgate(['gate'], tinyProject(), env)
    expect(code).toBe(0)
    const left = [home, temporary].flatMap(folder =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }),
    )
    expect(left.filter(file => /mat-debug|deviceid|onnxruntime|\.ses/.test(file))).toEqual([])
  })

  test('an engine of the config that cannot work is exit code 1; --json has the same', async () => {
    const folder = tinyProject()
    writeConfig(folder, {
      engines: { app: { engine: 'command', command: ['./none', '{input}', '{output}'] } },
      models: { tiny: { onnx: 'models/tiny.onnx' } },
    })
    const { code, stdout } = await depthgate(['doctor', '--python', '/none/python', '--json'], folder)
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toContainEqual({
      ...{ name: 'app', kind: 'config' },
      result: {
        type: 'missing',
        reason: 'there is no program ./none',
        fix: expect.stringContaining('command'),
      },
    })
  })
})

describe('depthgate bench', () => {
  test('times what the machine has, says what it is on, and recommends', async () => {
    const folder = tinyProject()
    const { code, stdout, stderr } = await depthgate(
      ['bench', '--seconds', '0.05', '--warmup', '0', '--recommend', '--markdown', 'table.md'],
      folder,
    )
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^tiny on .+, onnxruntime 1\.\d+\.\d+\n/)
    expect(stdout).toMatch(/◆ +fp32 +cpu +[\d.]+.*pass/)
    expect(stdout).toMatch(/recommended: fp32 on cpu/)
    expect(stderr).toMatch(/^tiny fp32 on cpu: [\d.]+ ms$/m)
  })

  test('what cannot be measured is a row that says so, and alone it is exit code 2', async () => {
    const folder = tinyProject()
    writeFileSync(join(folder, 'models/tiny.onnx'), 'nothing')
    const { code, stdout } = await depthgate(['bench', '--json'], folder)
    expect(code).toBe(2)
    expect(JSON.parse(stdout).groups[0].rows).toMatchObject([
      {
        type: 'broken',
        engine: 'cpu',
        precision: 'fp32',
        error: expect.stringContaining('is no ONNX model'),
      },
    ])
  })

  test('an optional engine that is not there is a row that is skipped', async () => {
    const folder = tinyProject()
    writeConfig(folder, {
      engines: {
        cpu: { engine: 'onnxruntime' },
        trt: { engine: 'tensorrt', python: '/none/python', optional: true },
      },
      models: { tiny: { onnx: 'models/tiny.onnx', budget: { median: '10000 ms' } } },
    })
    const { code, stdout } = await depthgate(['bench', '--seconds', '0.05', '--warmup', '0'], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/fp32 +trt +skipped$/m)
    expect(stdout).toMatch(/^fp32 on trt skipped: .*\/none\/python/m)
  })

  describe('holds the budget of the config:', () => {
    const quick = ['bench', '--seconds', '0.05', '--warmup', '0']
    const project = (budget: object) => tinyProject({ budget, precisions: ['fp32'] })

    test('kept is exit code 0', async () => {
      const { code, stdout, stderr } = await depthgate([...quick, '--json'], project({ median: '10000 ms' }))
      expect(code, stderr).toBe(0)
      expect(JSON.parse(stdout).groups[0].rows[0].budget).toMatchObject({
        outcome: 'kept',
        findings: [{ name: 'median', type: 'kept', limit: 10_000, stated: '10000 ms' }],
      })
    })

    test('broken is a column, a reason and exit code 1, and not recommended', async () => {
      const folder = project({ engines: { cpu: { fp32: { median: 0.000001 } } } })
      const { code, stdout } = await depthgate([...quick, '--recommend', '--markdown', 'table.md'], folder)
      expect(code).toBe(1)
      expect(stdout).toMatch(/verdict +budget$/m)
      expect(stdout).toMatch(/fp32 +cpu .* pass +broken$/m)
      expect(stdout).toMatch(/^Latency: median of single inferences, each from its call to its result\.$/m)
      expect(stdout).toMatch(/^budget of fp32 on cpu: median \S+ ms is \S+× its limit of 1\.00e-6 ms/m)
      expect(stdout).toMatch(/^faster, but not it: fp32 on cpu: it breaks its budget: median$/m)
      expect(readFileSync(join(folder, 'table.md'), 'utf8')).toMatch(/ \| pass \| broken \|$/m)
    })

    test('not judged is said and exit code 2, also where the row is broken', async () => {
      const folder = project({ speedup: 2 })
      const { code, stdout } = await depthgate(quick, folder)
      expect(code).toBe(2)
      expect(stdout).toMatch(
        /budget of fp32 on cpu: speedup is not judged against its limit of 2×: PyTorch in FP32 was not timed/,
      )
      writeConfig(folder, {
        engines: {
          cpu: { engine: 'onnxruntime' },
          app: { engine: 'command', command: ['true', '{input}', '{output}'] },
        },
        models: { tiny: { onnx: 'models/tiny.onnx', budget: { engines: { app: { median: 1 } } } } },
      })
      const second = await depthgate(quick, folder)
      expect(second.code).toBe(2)
      expect(second.stdout).toMatch(/fp32 +app +broken +not judged$/m)
      expect(second.stdout).toMatch(/^fp32 on app broken: .*starts anew for each scene/m)
    })
  })
})
