import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { CommandSettings } from '../../src/engines/settings.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import { inferModel } from '../../src/gate/infer.ts'
import { judgeInference } from '../../src/gate/judge-scene.ts'
import { repo, tinyProject, writeConfig } from '../helpers/files.ts'

/** Gives back what the golden holds, as any application would write it. */
const app = (degrees: number) => `
const fs = require('node:fs')
const [, , input, depth, fov] = process.argv
fs.writeFileSync('seen.txt', input)
if (fs.readFileSync(input).length < 24 * 32 * 3 * 4) throw new Error('not the whole scene')
fs.copyFileSync(${JSON.stringify(join(repo, 'fixtures/tiny/golden/tiny/waves/inverse_depth.npy'))}, depth)
fs.writeFileSync(fov, Buffer.from(new Float32Array([${degrees}]).buffer))
`

function project(command: string[], body: string, more: Partial<CommandSettings> = {}) {
  const folder = tinyProject()
  writeFileSync(join(folder, 'app.cjs'), body)
  writeConfig(folder, {
    engines: { app: { engine: 'command', command, ...more } },
    models: { tiny: { onnx: 'models/tiny.onnx' } },
  })
  const model = findModel(loadConfig(join(folder, 'depthgate.config.json')), 'tiny')
  return { folder, model, run: () => inferModel(model, { scene: 'waves' }) }
}

const node = process.execPath
const named = [node, 'app.cjs', '{input}', '{output:inverse_depth}', '{output:fov_deg}']
const raw: NonNullable<CommandSettings['raw']> = { fov_deg: { type: 'float32', shape: [1] } }

describe('a command', () => {
  test('is judged by what it writes: .npy, or raw with a declared shape', async () => {
    const manifest = findModel(loadConfig(join(tinyProject(), 'depthgate.config.json')), 'tiny').golden
      .manifest
    const record = manifest.scenes.waves!.outputs.fov_deg!
    const degrees = 'value' in record ? record.value : Number.NaN
    const { folder, model, run } = project(named, app(degrees), { raw })
    const inference = await run()
    expect(judgeInference(model, inference).verdict).toMatchObject({ pass: true })
    expect(inference.fingerprint).toMatchObject({
      engine: 'command',
      engineVersion: 'unknown',
      provider: 'command',
    })
    // what it worked in is gone
    expect(existsSync(readFileSync(join(folder, 'seen.txt'), 'utf8'))).toBe(false)
  })

  test.each<[string, string[], string, Partial<CommandSettings>, RegExp]>([
    [
      'fails',
      named,
      "console.error('no licence'); process.exit(7)",
      {},
      /ended with exit code 7; its last words:\nno licence/,
    ],
    [
      'fails in colour, with a title and a moving bar',
      named,
      "console.error('\\x1b[31mno \\x1b[1mlicence\\x1b[0m\\x1b]0;title\\x07\\r1 %\\r2 %\\x9b'); process.exit(7)",
      {},
      /its last words:\nno licence\n1 %\n2 %\ufffd$/,
    ],
    ['writes nothing', named, '', {}, /wrote no file for the output fov_deg\. Let it write to the path/],
    [
      'takes too long',
      named,
      'setInterval(() => {}, 1000)',
      { seconds: 0.5 },
      /took longer than 0\.5 s\. Raise `seconds`/,
    ],
    ['is ended', named, "process.kill(process.pid, 'SIGKILL')", {}, /was ended by SIGKILL/],
    ['is not there', ['./none', '{input}', '{output}'], '', {}, /gives no inverse_depth/],
    [
      'is not there at all',
      ['./none', ...named.slice(2)],
      '',
      {},
      /^command \["\.\/none",.*: cannot be started \(ENOENT\)\. Correct `command`/,
    ],
    ['has no output', [node, '{input}'], '', {}, /does not say where its output goes/],
    ['has no input', [node, '{output}'], '', {}, /never sees the scene/],
    [
      'mixes outputs',
      [node, '{input}', '{output}', '{output:a}'],
      '',
      {},
      /has \{output\} beside \{output:NAME\}/,
    ],
    [
      'writes raw values of another size',
      named,
      "const fs = require('node:fs'); for (const path of process.argv.slice(3)) fs.writeFileSync(path, Buffer.alloc(4))",
      { raw: { ...raw, inverse_depth: { type: 'float16', shape: [24, 32] } } },
      /output inverse_depth has 4 bytes, but float16 24×32 takes 1536/,
    ],
  ])('that %s is a named error', async (_name, command, body, more, message) => {
    await expect(project(command, body, more).run()).rejects.toThrow(message)
  })

  test('that gives something recognisable instead is told what it is', async () => {
    const golden = `fs.copyFileSync(${JSON.stringify(join(repo, 'fixtures/tiny/golden/tiny/waves/inverse_depth.npy'))}, depth)`
    const map = `const map = fs.readFileSync(${JSON.stringify(join(repo, 'fixtures/tiny/golden/tiny/waves/inverse_depth.npy'))})
for (let at = map.length - 4 * 24 * 32; at < map.length; at += 4) map.writeFloatLE(1000 * map.readFloatLE(at), at)
fs.writeFileSync(depth, map)`
    const { model, run } = project(named, app(60).replace(golden, map), { raw })
    const { verdict } = judgeInference(model, await run())
    expect(verdict.pass).toBe(false)
    expect(verdict.outputs.find(({ output }) => output === 'inverse_depth')!.reason).toMatch(
      /^it is the golden times 1000: divided by that, absRel is .*factor that only one of them has\. /,
    )
  })

  test('is started and told by its path as the config has it, from its own folder', async () => {
    const { folder, run } = project(['./bin/app', ...named.slice(2)], '', { cwd: 'sub' })
    mkdirSync(join(folder, 'sub/bin'), { recursive: true })
    writeFileSync(join(folder, 'sub/bin/app'), '#!/bin/sh\nexit 7\n', { mode: 0o755 })
    await expect(run()).rejects.toThrow(/^command \["\.\/bin\/app",.*: ended with exit code 7$/)
    writeFileSync(join(folder, 'sub/bin/app'), '#!/bin/sh\n')
    await expect(run()).rejects.toThrow(/^\.\/bin\/app: ended well but wrote no file/)
  })

  test('no shell sees its arguments', async () => {
    const { folder, run } = project(
      [
        node,
        'app.cjs',
        '{input}',
        '$(touch hacked)',
        '; touch hacked',
        '{output:inverse_depth}',
        '{output:fov_deg}',
      ],
      'process.exit(1)',
    )
    await expect(run()).rejects.toThrow(/exit code 1/)
    expect(readdirSync(folder)).not.toContain('hacked')
  })

  test('one that reads the ONNX gets that of the precision', async () => {
    const body = "require('node:fs').copyFileSync(process.argv[2], 'onnx-seen'); process.exit(3)"
    const { folder, run } = project([node, 'app.cjs', '{onnx}', '{input}', '{output}'], body)
    await expect(run()).rejects.toThrow(/gives no inverse_depth/)
    const one = project(
      [node, 'app.cjs', '{onnx}', '{input}', '{output:inverse_depth}', '{output:fov_deg}'],
      body,
    )
    await expect(one.run()).rejects.toThrow(/exit code 3/)
    expect(existsSync(join(one.folder, 'onnx-seen'))).toBe(true)
    expect(existsSync(join(folder, 'onnx-seen'))).toBe(false)
  })
})
