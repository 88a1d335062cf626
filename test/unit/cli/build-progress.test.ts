import { afterEach, expect, test, vi } from 'vitest'
import { showBuilds } from '../../../src/cli/build-progress.ts'
import { type BuildProgress, builds } from '../../../src/engines/tensorrt/build-progress.ts'

const { isTTY, columns } = process.stderr
afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
  builds.removeAllListeners()
  Object.assign(process.stderr, { isTTY, columns })
})

/** What a build shows on standard error, and how often the line's owner was called. */
function shown(terminal: boolean, ci?: string) {
  vi.stubEnv('CI', ci)
  Object.assign(process.stderr, { isTTY: terminal, columns: 40 })
  const written: string[] = []
  vi.spyOn(process.stderr, 'write').mockImplementation(text => written.push(String(text)) > 0)
  const after = vi.fn()
  showBuilds(after)
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
