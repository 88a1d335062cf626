import { existsSync, readFileSync } from 'node:fs'

/** kitty takes base64 in pieces of at most this many characters. */
const piece = 4096

/**
 * A PNG as the escape codes that show it in the terminal; empty where the terminal is not known to show pictures, or the
 * file is gone. kitty's protocol (kitty, Ghostty) and iTerm2's (iTerm2, WezTerm); not inside tmux, which swallows both.
 */
export function inlinePicture(path: string, env: NodeJS.ProcessEnv = process.env): string {
  if (env.TMUX !== undefined || !existsSync(path)) return ''
  const kitty = env.KITTY_WINDOW_ID !== undefined || /kitty|ghostty/.test(env.TERM ?? '')
  const iterm = ['iTerm.app', 'WezTerm'].includes(env.TERM_PROGRAM ?? '')
  if (!kitty && !iterm) return ''
  const data = readFileSync(path).toString('base64')
  if (iterm) return `\u001B]1337;File=inline=1;width=auto:${data}\u0007\n`
  const pieces = data.match(new RegExp(`.{1,${piece}}`, 'g')) ?? []
  return `${pieces
    .map(
      (text, i) => `\u001B_G${i === 0 ? 'a=T,f=100,' : ''}m=${i < pieces.length - 1 ? 1 : 0};${text}\u001B\\`,
    )
    .join('')}\n`
}
