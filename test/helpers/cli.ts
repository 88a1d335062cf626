import { execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { repo } from './files.ts'

export interface Ran {
  code: number
  stdout: string
  stderr: string
}

/** Variables of a CI would stop `accept` from writing and add annotations; a test that wants them says so. */
const quiet = { CI: undefined, GITHUB_ACTIONS: undefined, GITHUB_STEP_SUMMARY: undefined }

/** Runs a program to its end, whatever its exit code. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv = {},
  user: { uid?: number } = {},
): Promise<Ran> {
  return new Promise(done =>
    execFile(
      program,
      args,
      {
        ...user,
        cwd,
        env: { ...process.env, ...quiet, NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
        maxBuffer: 1 << 26,
      },
      (error, stdout, stderr) =>
        done({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr }),
    ),
  )
}

/** Runs the built command line, as a user's shell does. */
export function depthgate(
  args: readonly string[],
  cwd: string = repo,
  env: NodeJS.ProcessEnv = {},
): Promise<Ran> {
  return run(process.execPath, [join(repo, 'dist/cli/main.js'), ...args], cwd, env)
}

/** Starts the built command line and sends it a signal as soon as `until` is in what it printed. */
export function interrupted(
  args: readonly string[],
  cwd: string,
  until: string,
  signal: NodeJS.Signals,
): Promise<Ran> {
  return new Promise(done => {
    const child = spawn(process.execPath, [join(repo, 'dist/cli/main.js'), ...args], {
      cwd,
      env: { ...process.env, ...quiet, NO_COLOR: '1', FORCE_COLOR: undefined },
    })
    const ran: Ran = { code: -1, stdout: '', stderr: '' }
    let sent = false
    const heard = (stream: 'stdout' | 'stderr') => (text: Buffer) => {
      ran[stream] += text
      if (!sent && ran[stream].includes(until)) {
        sent = true
        child.kill(signal)
      }
    }
    child.stdout.on('data', heard('stdout'))
    child.stderr.on('data', heard('stderr'))
    child.on('close', code => done({ ...ran, code: code ?? -1 }))
  })
}
