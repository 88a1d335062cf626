import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { inlinePicture } from '../../../src/report/inline-picture.ts'
import { temporaryFolder } from '../../helpers/files.ts'

const bytes = Buffer.alloc(5000, 7)
const picture = join(temporaryFolder(), 'p.png')
writeFileSync(picture, bytes)

test('kitty takes it in pieces of which the last one says so', () => {
  const text = inlinePicture(picture, { TERM: 'xterm-kitty' })
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the codes that the terminal reads
  const pieces = [...text.matchAll(/\u001B_G([^;]*);([^\u001B]*)\u001B\\/g)]
  expect(pieces.map(([, control]) => control)).toEqual(['a=T,f=100,m=1', 'm=0'])
  expect(Buffer.from(pieces.map(([, , data]) => data).join(''), 'base64')).toEqual(bytes)
})

test('iTerm2 and WezTerm take it whole', () => {
  expect(inlinePicture(picture, { TERM_PROGRAM: 'WezTerm' })).toBe(
    `\u001B]1337;File=inline=1;width=auto:${bytes.toString('base64')}\u0007\n`,
  )
})

test.each([
  [{ TERM: 'xterm-256color' }, picture],
  [{ TERM: 'xterm-kitty', TMUX: '/tmp/tmux' }, picture],
  [{ TERM: 'xterm-kitty' }, `${picture}.gone`],
])('nothing for %j', (env, path) => expect(inlinePicture(path, env)).toBe(''))
