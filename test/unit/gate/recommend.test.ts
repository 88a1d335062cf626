import { describe, expect, test } from 'vitest'
import type { Precision } from '../../../src/engines/engine.ts'
import type { BenchRow, MeasuredRow } from '../../../src/gate/bench.ts'
import { groupRows, withBudgets } from '../../../src/gate/recommend.ts'
import { benchMarkdown, benchText } from '../../../src/report/bench.ts'
import { timing } from '../../helpers/timings.ts'

function row(
  precision: Precision,
  milliseconds: number,
  absRel: number,
  passes: boolean,
  {
    engine = 'trt',
    device = 'NVIDIA H200',
    graph,
  }: { engine?: string; device?: string; graph?: number } = {},
): MeasuredRow {
  return {
    ...{ type: 'measured', model: 'pocket', engine, precision },
    fingerprint: {
      ...{ onnx: '', precision, fusion: 'on', arithmetic: 'native', engine, engineVersion: '10.6.0' },
      ...{ provider: 'cuda', device, driver: '580' },
    },
    plain: timing(milliseconds),
    graph: graph === undefined ? { reason: 'not tried' } : timing(graph),
    planBytes: 2e6,
    accuracy: {
      ...{ output: 'depth', unit: 'm', rmse: absRel * 10, absRel, p99Rel: absRel * 3, scenes: 2 },
      failing: passes ? [] : [{ scene: 'room', reason: 'depth: rmse is 3× its limit' }],
    },
  }
}

const fp32 = row('fp32', 5, 1e-6, true)
const tf32 = row('tf32', 3, 1e-3, true)
const fp16 = row('fp16', 1.3, 2e-3, true, { graph: 1.2 })
const bf16 = row('bf16', 1.4, 2e-2, true)
const int8 = row('int8', 0.9, 5e-2, false)
const pytorch = row('fp32', 14, 0, true, { engine: 'pytorch' })
const broken: BenchRow = {
  ...{ type: 'broken', model: 'pocket', engine: 'trt', precision: 'fp8' },
  error: 'no\nmore',
}

describe('of what was measured', () => {
  const [group] = groupRows([pytorch, fp32, tf32, fp16, bf16, int8, broken])

  test('the fastest that passes is recommended, and the faster ones say why not', () => {
    expect(group!.recommended).toBe(fp16)
    expect(group!.rejected).toEqual([
      { row: int8, reason: '1 of 2 scenes fails; room: depth: rmse is 3× its limit' },
    ])
  })

  test('the front holds what nothing beats in both', () => {
    expect(new Set(group!.front)).toEqual(new Set([int8, fp16, tf32, fp32, pytorch]))
    const lost = row('fp16', 0.1, Number.NaN, false)
    expect(groupRows([lost, fp32])[0]!.front).toEqual([fp32])
  })

  test('figures of two devices never stand together', () => {
    const cpu = row('fp32', 90, 1e-7, true, { engine: 'cpu', device: 'x64' })
    const groups = groupRows([fp16, cpu])
    expect(groups.map(({ device, rows }) => [device, rows.length])).toEqual([
      ['NVIDIA H200', 1],
      ['x64', 1],
    ])
  })

  test('where nothing passes nothing is recommended', () => {
    expect(groupRows([int8])[0]).toMatchObject({ rejected: [{ row: int8 }] })
    expect(groupRows([int8])[0]!.recommended).toBeUndefined()
    expect(groupRows([broken])[0]).toMatchObject({ device: 'nothing ran', rows: [broken] })
  })

  test('where times that count are not steady, the recommendation says so', () => {
    const shaken = (row: MeasuredRow): MeasuredRow => ({
      ...row,
      plain: { ...row.plain, unstable: ['the clock moved'] },
    })
    const near = { ...row('fp8', 1.6, 1e-2, true), engine: 'other' }
    const [tf, low, off, other] = [tf32, bf16, int8, near].map(shaken)
    const found = groupRows([shaken(pytorch), fp32, tf!, low!, off!, other!])[0]!
    // neither PyTorch, nor what fails, nor what takes twice as long might be recommended
    expect(found.unsteady).toEqual([low, other])
    const caveat = 'another run may recommend another: not steady: bf16 on trt, fp8 on other'
    expect(benchText(found, true)).toContain(`recommended: bf16 on trt, 1.4 ms\n${caveat}\n`)
    expect(benchMarkdown(found, true)).toContain(`- ${caveat}\n`)
    expect(benchText(found, false)).not.toContain(caveat)
    // one alone is compared with nothing
    expect(groupRows([low!, tf!, off!])[0]!.unsteady).toEqual([])
    expect(benchText(group!, true)).not.toContain('not steady')
  })

  test('is told as a table with the machine in its head', () => {
    const text = benchText(group!, true)
    expect(text).toMatch(/^pocket on NVIDIA H200, driver 580, pytorch 10\.6\.0, trt 10\.6\.0\n/)
    expect(text).toMatch(/fp16 +trt +1\.3 +1\.2 +1\.2 +11\.67× +2 .*pass/)
    expect(text).toMatch(/fp8 +trt +broken$/m)
    expect(text).toMatch(/^fp8 on trt broken: no more$/m)
    expect(text).toContain(
      "RMSE (m), AbsRel and p99Rel: of depth against PyTorch's golden, the worst of 2 scenes.",
    )
    expect(text).toMatch(
      /recommended: fp16 on trt, 1\.2 ms\nfaster, but not it: int8 on trt: 1 of 2 scenes fail/,
    )
    expect(benchText(group!, false)).not.toMatch(/recommended/)
    const markdown = benchMarkdown(group!, true).split('\n')
    const cells = markdown.filter(line => line.startsWith('|')).map(line => line.split('|').length)
    expect(new Set(cells).size).toBe(1)
  })

  test('an optional engine that is not there is skipped: no figure, no budget, another reason', () => {
    const absent: BenchRow = {
      ...{ type: 'skipped', model: 'pocket', engine: 'cuda', precision: 'fp32' },
      reason: 'there is no GPU',
    }
    const rows = withBudgets([absent, fp32], { median: 10 })
    expect(rows.map(({ budget }) => budget?.outcome)).toEqual([undefined, 'kept'])
    const text = benchText(groupRows(rows)[0]!, true)
    expect(text).toMatch(/fp32 +cuda +skipped$/m)
    expect(text).toMatch(/^fp32 on cuda skipped: there is no GPU$/m)
  })

  test('an engine whose name begins with that of PyTorch is held as any other', () => {
    const rows = withBudgets([row('fp16', 50, 0, true, { engine: 'pytorch-trt' })], { median: 10 })
    expect(rows[0]!.budget?.outcome).toBe('broken')
    expect(groupRows(rows)[0]!.rejected).toHaveLength(1)
  })

  test('clocks stand in the head, from lowest to highest', () => {
    const state = (smClock: number) => ({ ...fp32.plain.before, smClock, memoryClock: 3201 })
    const clocked = (smClock: number): MeasuredRow => ({
      ...fp32,
      plain: { ...fp32.plain, before: state(smClock), after: state(smClock) },
    })
    expect(benchText(groupRows([clocked(1980)])[0]!, false)).toMatch(
      /, SM clock 1980 MHz, memory clock 3201 MHz\n/,
    )
    expect(benchText(groupRows([clocked(1980), clocked(1755)])[0]!, false)).toMatch(
      /, SM clock 1755 to 1980 MHz,/,
    )
  })

  test('a budget that is broken is not recommended, and is told in its row', () => {
    const rows = withBudgets([pytorch, fp32, tf32, fp16, int8, broken], {
      ...{ speedup: 4, fp16: { median: '1.1 ms' } },
      engines: { trt: { tf32: { deviceMemory: '1 GiB' } } },
    })
    expect(rows.map(({ budget }) => budget?.outcome)).toEqual([
      ...[undefined, 'broken', 'not judged', 'broken', 'kept', 'not judged'],
    ])
    const [group] = groupRows(rows)
    expect(group!.recommended).toMatchObject({ precision: 'tf32' })
    expect(group!.rejected.map(({ reason }) => reason)).toEqual([
      expect.stringContaining('1 of 2 scenes fail'),
      'it breaks its budget: median',
    ])
    const text = benchText(group!, true)
    expect(text).toMatch(/verdict +budget$/m)
    expect(text).toMatch(/fp16 +trt .* pass +broken$/m)
    expect(text).toMatch(/fp8 +trt .*broken +not judged$/m)
    expect(text).toContain('budget of fp16 on trt: median 1.2 ms is 1.091× its limit of 1.1 ms')
    expect(text).toContain('budget of fp32 on trt: speedup 2.8× is below its limit of 4×')
    expect(text).toMatch(/budget of tf32 on trt: deviceMemory is not judged/)
    expect(text).toMatch(/^budget of fp8 on trt: not judged, since it could not be measured$/m)
    expect(benchText(groupRows([fp32])[0]!, false)).not.toMatch(/budget/)
  })
})
