import { setImmediate } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { showBuilds } from '../../../src/cli/build-progress.ts'
import { type BuildProgress, builds } from '../../../src/engines/tensorrt/build-progress.ts'
import { endWorkers, sharedWorker } from '../../../src/engines/tensorrt/workers.ts'

const { isTTY, columns } = process.stderr
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  builds.removeAllListeners()
  Object.assign(process.stderr, { isTTY, columns })
})

/** What is shown on standard error, and the line's owner, who is called when it has the line again. */
function watched(terminal: boolean, ci?: string) {
  vi.stubEnv('CI', ci)
  Object.assign(process.stderr, { isTTY: terminal, columns: 40 })
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation(text => written.push(String(text)) > 0)
  const after = vi.fn()
  showBuilds(after)
  return { written, after }
}

/** What a build shows, and how often the line's owner was called. */
function shown(terminal: boolean, ci?: string) {
  const { written, after } = watched(terminal, ci)
  const build = (state: BuildProgress['state'], phase: string, done: number) =>
    builds.emit('progress', { onnx: '/m/pocket.onnx', precision: 'fp16', state, phase, done, seconds: 12 })
  build('building', 'Timing of all the kernels', 0.5)
  const before = after.mock.calls.length
  build('built', '', Number.NaN)
  return { written, calls: [before, after.mock.calls.length] }
}

test('on a terminal one line that changes and never wraps; then the line before comes back', () => {
  const { written, calls } = shown(true)
  expect(written).toEqual([
    '\r\u001b[KTensorRT: building pocket.onnx at fp16:',
    '\r\u001b[KTensorRT: built pocket.onnx at fp16 in 12 s\n',
  ])
  expect(calls).toEqual([0, 1])
})

test.each([[false], [true]])('elsewhere whole lines, also in a CI that pretends; terminal: %s', terminal => {
  expect(shown(terminal, 'true').written).toEqual([
    'TensorRT: building pocket.onnx at fp16: Timing of all the kernels 50 %, 12 s\n',
    'TensorRT: built pocket.onnx at fp16 in 12 s\n',
  ])
})

test.each([
  [true, ['\r\u001b[KTensorRT: starting', '\r\u001b[K'], 1],
  [false, [], 0],
])(
  'a terminal says while TensorRT starts, which it may not; terminal: %s',
  async (terminal, lines, calls) => {
    onTestFinished(endWorkers)
    const { written, after } = watched(terminal)
    const worker = sharedWorker({ engine: 'tensorrt', python: 'python3' })
    await setImmediate()
    expect(written).toEqual(lines.slice(0, 1))
    expect(after).not.toHaveBeenCalled()
    await worker
    expect(written).toEqual(lines)
    expect(after).toHaveBeenCalledTimes(calls)
  },
)
