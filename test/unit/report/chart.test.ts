import { expect, test } from 'vitest'
import type { Point } from '../../../src/explain/mend.ts'
import { chart } from '../../../src/report/chart.ts'
import { frontierChart } from '../../../src/report/mend-text.ts'

const drawn = (...ys: number[]) =>
  chart([{ name: 'a', hue: 'blue', marks: ys.map((y, x) => ({ x, y, label: `<${x}>` })) }], 'x', 'y', 0.5)
const heights = (svg: string) =>
  [...svg.matchAll(/<circle class="blue" cx="[\d.]+" cy="([\d.]+)"/g)].map(([, y]) => Number(y))

test('equal factors are equal distances; what is 0 lies below, on a line of its own', () => {
  const svg = drawn(1, 0.1, 0.01, 0)
  const [one, tenth, hundredth, zero] = heights(svg) as [number, number, number, number]
  expect(tenth - one).toBeCloseTo(hundredth - tenth, 0)
  expect(zero).toBeGreaterThan(hundredth + 15)
  expect(svg).toContain(`y="${zero + 4}" text-anchor="end">0</text>`)
  expect(drawn(1, 0.1)).not.toContain('text-anchor="end">0</text>')
})

test('what is not finite stands above what is, on a line of its own', () => {
  const svg = drawn(1, Number.POSITIVE_INFINITY)
  const [one, infinite] = heights(svg) as [number, number]
  expect(infinite).toBeLessThan(one)
  expect(svg).toContain('>∞</text>')
  expect(drawn(1, 2)).not.toContain('∞')
})

test('labels are text, whatever they hold', () => {
  const svg = drawn(1)
  expect(svg).toContain('<title>&lt;0&gt;</title>')
  expect(svg).toContain('limit with margin')
})

test('both axes have ticks at round figures, finer where there is little between the ends', () => {
  const texts = (svg: string) =>
    [...svg.matchAll(/text-anchor="(?:end|middle)">([^<]+)</g)].map(([, text]) => text)
  const few = texts(drawn(1, 0.3, 0.4))
  expect(few).toEqual(expect.arrayContaining(['0.2', '0.5', '1', '0', '2']))
  expect(texts(drawn(1, 1e-6))).toEqual(expect.arrayContaining(['1', '0.1', '0.001', '1.00e-6']))
})

test('the frontier is over time where every point was timed, else over cost', () => {
  const point = (cost: number, latency?: number): Point => ({
    ...{ nodes: 1, sums: 0, rest: 0, cost, worst: { used: 1 - cost / 2, scene: 's', limit: 'depth absRel' } },
    ...(latency !== undefined && { latency }),
  })
  const drawnOf = (frontier: Point[], mended: Point) =>
    frontierChart({ type: 'mended', frontier, mended } as Parameters<typeof frontierChart>[0], 0.1, 'trt')
  const timed = drawnOf([point(0, 2), point(1, 8)], point(0.4, 3))
  expect(timed).toContain('latency on trt, ms')
  expect(timed).toMatch(/>8<\/text>/)
  expect(drawnOf([point(0, 2), point(1)], point(0.4, 3))).toContain('nominal: bytes and operations')
})
