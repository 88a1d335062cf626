import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { time } from 'depthgate'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { tinyProject, writeConfig } from '../helpers/files.ts'

const folder = tinyProject()
writeConfig(folder, {
  models: {
    tiny: { onnx: 'models/tiny.onnx', budget: { median: '10000 ms', fp16: { median: 0.000001 } } },
    // the same network under no limit
    free: { onnx: 'models/tiny.onnx', golden: 'golden/tiny' },
  },
})
vi.stubEnv('DEPTHGATE_CONFIG', join(folder, 'depthgate.config.json'))
const quick = { seconds: 0.05, warmup: 0 }

const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (thrown) {
    return stripVTControlCharacters((thrown as Error).message)
  }
  throw new Error('it passed')
}

let timed: Awaited<ReturnType<typeof time>>
beforeAll(async () => {
  timed = await time('tiny', quick)
})

describe('what time() returns', () => {
  test('knows where it came from and has the figures of a bench', () => {
    expect(timed).toMatchObject({
      ...{ model: 'tiny', precision: 'fp32', engine: 'cpu' },
      fingerprint: { engine: 'onnxruntime', provider: 'cpu' },
      graph: { reason: expect.any(String) },
    })
    expect(timed.plain.count).toBeGreaterThanOrEqual(10)
    expect(timed.plain.min).toBeGreaterThan(0)
    expect(timed.plain.p95).toBeGreaterThanOrEqual(timed.plain.median)
  })

  test('as many inferences as are asked for', async () => {
    expect((await time('tiny', { ...quick, iterations: 12 })).plain.count).toBe(12)
  })

  test.each([
    [{ presicion: 'fp16' }, /time: the option "presicion" is unknown; did you mean "precision"/],
    [{ precision: 'fp166' }, /time: precision: "fp166" is unknown; did you mean "fp16"/],
    [{ transfers: 'bot' }, /time: transfers: "bot" is unknown; did you mean "both"/],
    [{ seconds: Number.NaN }, /time: seconds: NaN is no number from 0 on/],
    [{ warmup: -1 }, /time: warmup: -1 is no number from 0 on/],
    [{ iterations: 0 }, /time: iterations: 0 is no number from 1 on/],
    [{ engine: 'cpuu' }, /not run on an engine "cpuu"; did you mean "cpu"/],
    [{ scene: 'wafes' }, /did you mean "waves"/],
    [{ ...quick, pytorch: 'net.py' }, /time: pytorch net\.py: write FILE\.py:FACTORY/],
    [{ ...quick, pytorch: 'net.py:make', python: '/none/python' }, /net\.py:make at fp32: .*\/none\/python/s],
  ])('is asked for with %j', async (options, message) => {
    await expect(time('tiny', options as never)).rejects.toThrow(message)
  })
})

describe('toMeetBudget', () => {
  test('keeps to the config, and to limits of the call over it', () => {
    expect(timed).toMeetBudget()
    expect(timed).toMeetBudget({ p95: '20000 ms' })
    const text = messageOf(() => expect(timed).toMeetBudget({ median: 0.000001 }))
    expect(text).toMatch(/^tiny at fp32 on cpu breaks its budget\nonnxruntime 1\.\S+, cpu, .+\n\n/)
    expect(text).toMatch(/✗ {2}median {2}\S+ ms {2}≤ 1\.00e-6 ms {2}\S+× the limit/)
    expect(text).toMatch(/\d+ inferences: fastest \S+ ms, median \S+ ms, p95 \S+ ms, p99 \S+ ms$/)
  })

  test('what cannot be judged fails, and says why', async () => {
    const text = messageOf(() => expect(timed).toMeetBudget({ speedup: 2, deviceMemory: '1 GiB' }))
    expect(text).toMatch(/^tiny at fp32 on cpu cannot be held to its budget\n/)
    expect(text).toMatch(/✓ {2}median/)
    expect(text).toMatch(/\? {2}speedup +≥ 2× +not judged: PyTorch in FP32 was not timed/)
    expect(text).toMatch(/\? {2}deviceMemory +≤ 1 GiB +not judged: onnxruntime with provider cpu/)
    const emulated = await time('tiny', { ...quick, precision: 'fp16' })
    expect(messageOf(() => expect(emulated).toMeetBudget())).toMatch(/not judged: fp16 is emulated here/)
  })

  test('without a limit nothing passes', async () => {
    const free = await time('free', quick)
    expect(messageOf(() => expect(free).toMeetBudget())).toMatch(
      /no limit is set for free at fp32 on cpu, so anything would pass\. Set `budget`/,
    )
    expect(free).toMeetBudget({ median: 10_000 })
    expect(messageOf(() => expect(timed).toMeetBudget({ median: false }))).toMatch(/no limit is set/)
  })

  test('a mistake at the call is told', async () => {
    expect(messageOf(() => expect(timed).toMeetBudget({ medain: 1 } as never))).toMatch(
      /toMeetBudget: does not fit its schema\n.*"medain" is unknown here; did you mean "median"/,
    )
    expect(messageOf(() => expect(12).toMeetBudget())).toMatch(/takes what time\(\) returns/)
    expect(messageOf(() => expect(time('tiny', quick)).toMeetBudget())).toMatch(
      /received a Promise: write `expect\(await time\(…\)\)\.toMeetBudget\(\)`/,
    )
  })

  test('use that cannot mean anything is refused', async () => {
    expect(messageOf(() => expect(timed).not.toMeetBudget())).toMatch(
      /expect\(timed\)\.not\.toMeetBudget\(\) is refused/,
    )
    const inside = (expect as unknown as Record<string, () => unknown>).toMeetBudget!()
    expect(messageOf(() => expect({ timed }).toEqual({ timed: inside }))).toMatch(/cannot be used inside/)
    await expect(expect.poll(() => timed, { timeout: 200 }).toMeetBudget()).rejects.toThrow(
      'cannot be polled: asked often enough, noise would let it pass',
    )
  })
})
