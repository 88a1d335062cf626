import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { type Budget, judgeBudget } from '../../src/gate/budget.ts'
import type { BenchGroup } from '../../src/gate/recommend.ts'
import { type Timed, timeModel } from '../../src/gate/time.ts'
import { toMeetBudget } from '../../src/matcher/to-meet-budget.ts'
import { depthgate } from '../helpers/cli.ts'
import { repo } from '../helpers/files.ts'
import { keep, pocketProject, python, sharedFolder, trt } from './helpers.ts'

afterAll(releaseEngines)
expect.extend({ toMeetBudget })

const generous: Budget = { median: '1000 ms', p95: '1000 ms', speedup: 0.01, deviceMemory: '64 GiB' }
const pytorch = `${join(repo, 'models/pocket/pocket.py')}:pocket`
const { model, folder } = pocketProject(
  { trt },
  { precisions: ['fp16'], budget: { fp16: generous, engines: { trt: { deviceMemory: '60 GiB' } } } },
  sharedFolder(),
)
vi.stubEnv('DEPTHGATE_CONFIG', join(folder, 'depthgate.config.json'))

let timed: Timed
beforeAll(async () => {
  timed = await timeModel(model, { precision: 'fp16', scene: 'room', pytorch, python })
  keep('budget.jsonl', { timed, verdict: judgeBudget(generous, timed, timed.pytorch) })
})

test('every figure of a plan is judged on a GPU, PyTorch beside it', () => {
  expect(timed.fingerprint).toMatchObject({ engine: 'tensorrt', precision: 'fp16' })
  expect(timed.pytorch!.fingerprint).toMatchObject({ engine: 'pytorch', device: timed.fingerprint.device })
  expect(timed.deviceBytes).toBeGreaterThan(1e6)
  expect('median' in timed.graph && timed.graph.median).toBeGreaterThan(0)
  expect(timed).toMeetBudget()
})

test.each<Budget>([{ median: 0.001 }, { p95: '0.001 ms' }, { speedup: 1e6 }, { deviceMemory: '1 MiB' }])(
  'a limit that cannot be kept is broken: %j',
  limits => {
    const told = () => expect(timed).toMeetBudget(limits)
    expect(told).toThrow(/pocket at fp16 on trt breaks its budget/)
    expect(told).toThrow(new RegExp(`✗\\S* +${Object.keys(limits)[0]} `))
  },
)

test('bench holds the budget of the config, and its exit code says so', async () => {
  const bench = [
    'bench',
    '--scene',
    'room',
    '--seconds',
    '1',
    '--warmup',
    '0.5',
    '--json',
    '--python',
    python,
  ]
  const without = await depthgate(bench, folder)
  const beside = await depthgate([...bench, '--pytorch', pytorch], folder)
  for (const { code, stdout, stderr } of [without, beside])
    keep('budget.jsonl', { code, stdout, stderr: stderr.slice(-2000) })
  expect(without.code, 'a speed-up over nothing is not judged').toBe(2)
  expect(beside.code, beside.stderr).toBe(0)
  const [group] = (JSON.parse(beside.stdout) as { groups: BenchGroup[] }).groups
  expect(group!.rows.find(({ engine }) => engine === 'trt')!.budget).toMatchObject({ outcome: 'kept' })
})
