import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { repo } from '../helpers/files.ts'

interface Case {
  args?: string[]
  exit?: number
  says?: string
}

const traps = join(repo, 'fixtures/traps')

describe.each(['should-pass', 'should-fail'] as const)('%s', kind => {
  const folders = readdirSync(join(traps, kind))

  test('holds cases', () => expect(folders.length).toBeGreaterThan(5))

  test.concurrent.each(folders)('%s', async name => {
    const folder = join(traps, kind, name)
    expect(readFileSync(join(folder, 'README.md'), 'utf8').split('\n')[0]).not.toBe('')
    const { args = [], exit = kind === 'should-pass' ? 0 : 1, says = '' } = readCase(folder)
    const { code, stdout, stderr } = await depthgate(['compare', 'actual.npy', 'golden.npy', ...args], folder)
    expect({ code, told: (stdout + stderr).includes(says) ? says : stdout + stderr }).toEqual({
      code: exit,
      told: says,
    })
    // an error names the file that is at fault
    if (exit === 2) expect(stderr).toMatch(/(actual|golden)\.npy/)
    expect(existsSync(join(folder, 'PICKLE_WAS_EXECUTED'))).toBe(false)
  })
})

function readCase(folder: string): Case {
  const file = join(folder, 'case.json')
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Case) : {}
}
