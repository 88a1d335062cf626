import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isRunning } from '../../src/base/processes.ts'
import { sharedWorker } from '../../src/engines/tensorrt/workers.ts'
import { WorkerProcess } from '../../src/engines/worker/worker-process.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'

const worker = join(repo, 'src/engines/worker')

/** A worker whose Python program is `body`, with the worker's own modules at hand. */
function program(body: string): WorkerProcess {
  const file = join(temporaryFolder(), 'program.py')
  writeFileSync(
    file,
    `import os, signal, sys, time\nsys.path.insert(0, ${JSON.stringify(worker)})\nfrom depthgate_worker import frames, parent\n${body}\n`,
  )
  const started = new WorkerProcess('python3', ['-B', file])
  onTestFinished(() => started.kill())
  return started
}

const echo = `
while (got := frames.read()) is not None:
    header, arrays = got
    print("noise that a library prints")
    frames.write({"id": header["id"], "type": "progress", "phase": "half", "step": 1, "steps": 2})
    frames.write({"id": header["id"], "type": "result", "said": header["say"]},
                 [(d, bytes(a)[::-1]) for d, a in zip(header["arrays"], arrays)])
`

describe('a worker', () => {
  test('answers in order, with arrays; what its libraries print is kept off the stream', async () => {
    const python = program(echo)
    const data = Uint8Array.from({ length: 3_000_000 }, (_, i) => i)
    const phases: string[] = []
    const [first, second] = await Promise.all([
      python.request(
        { type: 'any', say: 'a' },
        {
          arrays: [{ name: 'x', type: 'FLOAT', shape: [750_000], data }],
          onProgress: ({ phase }) => phases.push(phase),
        },
      ),
      python.request({ type: 'any', say: 'b' }),
    ])
    expect(first).toMatchObject({ type: 'result', facts: { said: 'a' } })
    expect(second).toMatchObject({ type: 'result', facts: { said: 'b' }, arrays: [] })
    expect(phases).toEqual(['half'])
    const [array] = first.type === 'result' ? first.arrays : []
    expect(Buffer.compare(array!.data, data.slice().reverse())).toBe(0)
    await python.end()
    expect(python.alive).toBe(false)
  })

  test.each<[string, string, string, RegExp]>([
    [
      'garbage on its standard output',
      `os.write(frames._out, b"Segmentation is fun")\ntime.sleep(60)`,
      'protocol',
      /holds "Segmentation is fun", which is no frame/,
    ],
    [
      'half an answer, then killed',
      `os.write(frames._out, b"DGF1" + bytes([200, 0, 0, 0]) + b'{"id": 1')\nsys.stderr.write("about to \\x1b[31mfall\\x1b[0m\\n")\nsys.stderr.flush()\nos.kill(os.getpid(), signal.SIGKILL)`,
      'ended',
      /was ended by SIGKILL in the middle of an answer; its last words:\nabout to fall$/,
    ],
    [
      'an oversized header',
      `os.write(frames._out, b"DGF1" + b"\\xff\\xff\\xff\\x7f")\ntime.sleep(60)`,
      'protocol',
      /header of 2147483647 bytes/,
    ],
    [
      'an answer to nothing',
      `frames.write({"id": 99, "type": "result"})\ntime.sleep(60)`,
      'protocol',
      /it answered 99, which was not asked/,
    ],
    ['an exit', `sys.exit(3)`, 'ended', /ended with exit code 3/],
    [
      'an exception',
      `raise RuntimeError("no such engine")`,
      'ended',
      /exit code 1; its last words:\n(.*\n)*RuntimeError: no such engine/,
    ],
  ])('%s is told by name, and asked again it says the same', async (_name, body, how, message) => {
    const python = program(`frames.read()\n${body}`)
    const answer = await python.request({ type: 'any' }, { seconds: 30 })
    expect(answer).toMatchObject({ type: 'lost', how, message: expect.stringMatching(message) })
    expect(await python.request({ type: 'any' })).toEqual(answer)
    expect(python.alive).toBe(false)
  })

  test('one that hangs is killed at its time limit', async () => {
    const python = program('time.sleep(600)')
    expect(await python.request({ type: 'any' }, { seconds: 0.5 })).toMatchObject({
      how: 'time',
      message: expect.stringMatching(/no answer within 0\.5 s/),
    })
  })

  test('a Python that is not there', async () => {
    const python = new WorkerProcess('/none/python', [])
    expect(await python.request({ type: 'any' })).toMatchObject({
      how: 'start',
      message: expect.stringMatching(/\/none\/python: cannot be started/),
    })
  })

  test.each([
    ['while it waits', ''],
    [
      'while it works and never looks',
      'parent.follow()\nopen(sys.argv[1] + ".busy", "w").close()\ntime.sleep(600)',
    ],
  ])('ends with its parent %s', async (_name, body) => {
    const folder = temporaryFolder()
    const file = join(folder, 'program.py')
    writeFileSync(
      file,
      `import os, sys, time\nsys.path.insert(0, ${JSON.stringify(worker)})\nfrom depthgate_worker import frames, parent\nopen(sys.argv[1], "w").write(str(os.getpid()))\n${body}\n${echo}`,
    )
    const pidFile = join(folder, 'pid')
    const node = spawn(process.execPath, [
      '-e',
      `require('node:child_process').spawn('python3', ['-B', ${JSON.stringify(file)}, ${JSON.stringify(pidFile)}], { stdio: ['pipe', 'pipe', 'inherit'] }); setInterval(() => {}, 1000)`,
    ])
    await until(() => existsSync(body ? `${pidFile}.busy` : pidFile) && readFileSync(pidFile, 'utf8') !== '')
    const pid = Number(readFileSync(pidFile, 'utf8'))
    expect(isRunning(pid)).toBe(true)
    node.kill('SIGKILL')
    await once(node, 'exit')
    await until(() => !isRunning(pid))
  })
})

describe("depthgate's own worker", () => {
  test('without the bindings says which Python lacks them, and how to get them', async () => {
    const found = await sharedWorker({ engine: 'tensorrt', python: 'python3' })
    expect(found).toEqual({
      reason: expect.stringMatching(/python3?.* has no module `tensorrt`$/),
      fix: expect.stringMatching(/^python3 -m pip install tensorrt/),
    })
  })
})

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(done => setTimeout(done, 20))
}
