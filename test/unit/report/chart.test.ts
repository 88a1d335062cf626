import { expect, test } from 'vitest'
import { chart } from '../../../src/report/chart.ts'

const drawn = (...ys: number[]) =>
  chart([{ name: 'a', hue: 'blue', marks: ys.map((y, x) => ({ x, y, label: `<${x}>` })) }], 'x', 'y', 0.5)
const heights = (svg: string) =>
  [...svg.matchAll(/<circle class="blue" cx="[\d.]+" cy="([\d.]+)"/g)].map(([, y]) => Number(y))

test('equal factors are equal distances; what is zero lies at the foot', () => {
  const [one, tenth, hundredth, zero] = heights(drawn(1, 0.1, 0.01, 0)) as [number, number, number, number]
  expect(tenth - one).toBeCloseTo(hundredth - tenth, 0)
  expect(zero).toBeGreaterThanOrEqual(hundredth)
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
