import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { withLock } from '../../../src/base/lock.ts'
import { temporaryFolder } from '../../helpers/files.ts'

/** A process of its own that raises the number in a file by one, many times. */
const raise = (folder: string, times: number) => `
  import { readFileSync, writeFileSync } from 'node:fs'
  import { createJiti } from 'jiti'
  const { withLock } = await createJiti(import.meta.url).import(${JSON.stringify(join(import.meta.dirname, '../../../src/base/lock.ts'))})
  for (let i = 0; i < ${times}; i++)
    withLock(${JSON.stringify(join(folder, '.lock'))}, () => {
      const file = ${JSON.stringify(join(folder, 'number'))}
      writeFileSync(file, String(Number(readFileSync(file, 'utf8')) + 1))
    })`

test('of processes that raise one number, none loses a step, also where a dead one held the lock', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'number'), '0')
  mkdirSync(join(folder, '.lock'))
  writeFileSync(join(folder, '.lock/pid'), '999999999')
  await Promise.all(
    [1, 2, 3, 4].map(() =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', raise(folder, 50)], {
        cwd: import.meta.dirname,
      }),
    ),
  )
  expect(readFileSync(join(folder, 'number'), 'utf8')).toBe('200')
  expect(readdirSync(folder)).toEqual(['number'])
})

test('is given back where the work throws', () => {
  const lock = join(temporaryFolder(), '.lock')
  expect(() =>
    withLock(lock, () => {
      throw new Error('no')
    }),
  ).toThrow('no')
  expect(existsSync(lock)).toBe(false)
})
