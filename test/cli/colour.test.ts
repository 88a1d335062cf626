import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { tinyProject } from '../helpers/files.ts'

/** What a terminal obeys begins so. */
const sequence = '\u001b['

describe('colour', () => {
  let folder: string
  let run: string
  beforeAll(async () => {
    folder = tinyProject({}, 'poisoned.onnx')
    await depthgate(['gate'], folder)
    run = join('.depthgate/runs', readdirSync(join(folder, '.depthgate/runs'))[0]!)
  })
  const depth = 'golden/tiny/waves/depth.npy'
  const verbs: [verb: string, ...args: string[]][] = [
    ['gate'],
    ['pending'],
    ['accept', '--all'],
    ['judge', 'RUN'],
    ['diff', 'RUN', 'RUN'],
    ['compare', depth, depth],
    ['convert', 'models/tiny.onnx', '-o', 'half.onnx'],
    ['init', '--dry-run'],
    ['report', 'RUN'],
    ['--help'],
    ['gate', '--model', 'none'],
  ]
  test.each(verbs)('NO_COLOR leaves none in %s %s', async (...verb) => {
    const args = verb.map(arg => (arg === 'RUN' ? run : arg))
    const { stdout, stderr } = await depthgate(args, folder, { NO_COLOR: '1', FORCE_COLOR: '1' })
    expect((stdout + stderr).length).toBeGreaterThan(0)
    expect(stdout + stderr).not.toContain(sequence)
  })
  test('without it a forced colour is there', async () => {
    const { stdout } = await depthgate(['gate'], folder, { NO_COLOR: undefined, FORCE_COLOR: '1' })
    expect(stdout).toContain(sequence)
  })
})
