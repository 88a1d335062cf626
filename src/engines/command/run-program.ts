import { type ChildProcess, spawn } from 'node:child_process'
import { messageOf } from '../../base/errors.ts'
import { plain } from '../../base/plain.ts'

/** What became of a program. `words` are the last lines that it wrote, without colours. */
export type Ended =
  | { type: 'ended'; code: number; words: string }
  | { type: 'signal'; signal: string; words: string }
  | { type: 'time' }
  | { type: 'start'; reason: string }

const linesKept = 15

/** Where a signal ends this process alone, they go with it, before the files that they may still write. */
const running = new Set<ChildProcess>()
process.prependOnceListener('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs a program without a shell, to its end or its time limit. */
export function runProgram(
  [program = '', ...args]: readonly string[],
  cwd: string,
  seconds: number,
): Promise<Ended> {
  return new Promise(done => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    let text = ''
    const listen = (piece: Buffer) => {
      text = (text + piece.toString()).split('\n').slice(-linesKept).join('\n').slice(-8000)
    }
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    const limit = setTimeout(() => {
      child.kill('SIGKILL')
      done({ type: 'time' })
    }, seconds * 1000)
    child.once('error', cause => {
      clearTimeout(limit)
      // its own words would show the path that was looked up
      done({ type: 'start', reason: (cause as NodeJS.ErrnoException).code ?? messageOf(cause) })
    })
    child.once('close', (code, signal) => {
      running.delete(child)
      clearTimeout(limit)
      const words = plain(text).trim().split('\n').slice(-linesKept).join('\n')
      done(signal ? { type: 'signal', signal, words } : { type: 'ended', code: code ?? 0, words })
    })
  })
}
