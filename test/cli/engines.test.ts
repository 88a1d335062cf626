import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { temporaryFolder, tinyProject, writeConfig } from '../helpers/files.ts'

describe('depthgate doctor', () => {
  test('says what works here, and for the rest why not and what mends it', async () => {
    const { code, stdout } = await depthgate(['doctor', '--python', '/none/python'], temporaryFolder())
    expect(code).toBe(0)
    expect(stdout).toMatch(/^✓ onnxruntime on the CPU: ONNX Runtime 1\.\d+\.\d+, provider cpu, on /m)
    expect(stdout).toMatch(/^✗ tensorrt: .*\/none\/python: cannot be started.*\n {4}Install Python/m)
    expect(stdout).toMatch(/^✗ PyTorch, for capture: \/none\/python cannot be started\n {4}Install Python/m)
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
})
