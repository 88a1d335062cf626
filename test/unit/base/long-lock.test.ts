import { existsSync, readdirSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { withLongLock } from '../../../src/base/long-lock.ts'
import { temporaryFolder } from '../../helpers/files.ts'

test('one after another, and whoever waits is told for whom', async () => {
  const folder = temporaryFolder()
  const lock = join(folder, 'lock')
  let inside = 0
  const owners: string[] = []
  const work = () =>
    withLongLock(
      lock,
      async () => {
        expect(++inside).toBe(1)
        await sleep(100)
        inside--
      },
      owner => owners.push(owner),
    )
  await Promise.all([work(), work(), work()])
  expect(owners).toEqual([`${hostname()} ${process.pid}`, `${hostname()} ${process.pid}`])
  expect(readdirSync(folder)).toEqual([])
})

test.each([
  ['of a process that is gone', `${hostname()} 999999999 x`, 0],
  ['of a machine that has given no sign for minutes', 'elsewhere 1 x', 300],
])('a lock %s is taken over', async (_name, owner, age) => {
  const lock = join(temporaryFolder(), 'lock')
  writeFileSync(lock, owner)
  const then = Date.now() / 1000 - age
  utimesSync(lock, then, then)
  await expect(withLongLock(lock, async () => 'done')).resolves.toBe('done')
})

test('a lock that is held elsewhere is waited for', async () => {
  const lock = join(temporaryFolder(), 'lock')
  writeFileSync(lock, 'elsewhere 1 x')
  const taken = withLongLock(lock, async () => 'done')
  expect(await Promise.race([taken, sleep(600, 'waits')])).toBe('waits')
  const then = Date.now() / 1000 - 300
  utimesSync(lock, then, then)
  expect(await taken).toBe('done')
})

test('work that fails gives the lock back', async () => {
  const lock = join(temporaryFolder(), 'lock')
  await expect(withLongLock(lock, async () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(existsSync(lock)).toBe(false)
})

test('a lock that cannot be made is named', async () => {
  const file = join(temporaryFolder(), 'taken')
  writeFileSync(file, '')
  await expect(withLongLock(join(file, 'lock'), async () => 'done')).rejects.toThrow(
    /taken.lock: cannot be made .*Check the folder and its permissions/,
  )
})
