import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { cheaperOf, type Mending, type Point } from '../../../src/explain/mend.ts'
import { mendText } from '../../../src/report/mend-text.ts'

const point = (used: number, latency?: number): Point => ({
  ...{ nodes: 2, sums: 0, rest: 0, cost: 0.08, worst: { used, scene: 'slopes', limit: 'depth absRel' } },
  ...(latency !== undefined && { latency }),
})

function told(mended: Point, fp32: Point): string[] {
  const cheaper = cheaperOf(mended, fp32)
  const found: Mending = {
    ...{ type: 'mended', units: 5, trials: { run: 9, remembered: 0 }, low: point(3.57, 0.011), chosen: [] },
    ...{ mended, fp32, ...(cheaper && { cheaper }) },
  }
  return mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters)
}

test.each([
  ['slower than FP32', 0.022, 'it takes 0.0120 ms, mended 0.0220 ms'],
  ['as slow as FP32', 0.012, 'it takes 0.0120 ms, mended 0.0120 ms'],
] as const)('a set that is %s: FP32 as a whole is the cheaper plan', (_what, latency, times) => {
  const lines = told(point(0.056, latency), point(3e-5, 0.012))
  expect(lines[1]).toContain(`FP32 as a whole is the cheaper plan: ${times}`)
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80)
})

test('where no set was left to build nothing is listed as the best', () => {
  const fp32 = point(3e-5)
  const found: Mending = {
    ...{ type: 'unconfirmed', units: 5, trials: { run: 9, remembered: 0 }, low: point(3.57) },
    ...{ best: fp32, fp32, chosen: [] },
  }
  const text = mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters).join('\n')
  expect(text).toContain('no set of nodes was confirmed')
  expect(text).toContain('all in FP32')
  expect(text).not.toMatch(/best/i)
})

test.each([
  ['quicker', 0.0119],
  ['not timed', undefined],
] as const)('of a set that is %s nothing is said', (_what, latency) => {
  expect(told(point(0.056, latency), point(3e-5, 0.012)).join('\n')).not.toContain('the cheaper plan')
})
