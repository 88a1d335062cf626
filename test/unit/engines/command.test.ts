import { expect, test } from 'vitest'
import { commandIdentity } from '../../../src/engines/command/command.ts'
import type { CommandSettings } from '../../../src/engines/settings.ts'

const identity = (command: string[], more: Partial<CommandSettings> = {}, root = '/home/ada/net') =>
  commandIdentity({ engine: 'command', command, ...more }, root)

const app = ['/home/ada/net/app', '--plan', 'a.plan', '{input}', '{output}']

test('commands are told apart by program, arguments and folder', () => {
  const others = [
    identity(app),
    identity(['/home/ada/net/other', ...app.slice(1)]),
    identity(app.with(2, 'b.plan')),
    identity([...app.slice(0, 3), '{input} {output}']),
    identity(app, { cwd: '/home/ada/net/v2' }),
  ]
  expect(new Set(others).size).toBe(others.length)
})

test('the same command is the same on every machine', () => {
  expect(identity(app)).toMatch(/^[0-9a-f]{12}$/)
  expect(identity(app, { cwd: '/home/ada/net' })).toBe(identity(app))
  // as the config has it, its path is from the folder that it is started in
  expect(identity(app.with(0, './app'), { cwd: '/home/ada/net' })).toBe(identity(app))
  const elsewhere = app.with(0, '/srv/ci/app')
  expect(identity(elsewhere, { cwd: '/srv/ci' }, '/srv/ci')).toBe(identity(app))
  expect(identity(app.with(2, '/home/ada/net/a.plan'))).toBe(identity(app))
  expect(identity(['/opt/node/bin/node', 'app.js'])).toBe(identity(['node', 'app.js']))
})

test('what no figure comes from does not count', () => {
  expect(identity(app, { seconds: 5, optional: true, precisions: ['fp16'] })).toBe(identity(app))
})
