import { expect, test } from 'vitest'
import type { Levels } from '../../../src/explain/levels.ts'
import { frontierOf, type Point } from '../../../src/explain/mend.ts'
import type { Survey } from '../../../src/explain/survey.ts'

/** How many units are in FP32 at each point of a frontier of units that cost so much. */
async function pointsOf(costs: readonly number[], points: number): Promise<number[]> {
  const steps = costs.map((cost, unit) => ({ unit, level: 'full' as const, gain: 1, cost }))
  const known = { units: costs, steps } as unknown as Survey
  const curve = await frontierOf(known, points, async (levels: Levels) => {
    return { nodes: levels.filter(level => level === 'full').length } as Point
  })
  return curve.map(({ nodes }) => nodes)
}

test.each([
  ['points are evenly spaced in cost, with both ends', [1, 1, 1, 1, 1, 1, 1, 1], 5, [0, 2, 4, 6, 8]],
  ['a step that spans several points is one', [1, 1, 8, 1, 1], 5, [0, 3, 5]],
  ['of steps that cost nothing there are the ends', [0, 0, 0], 5, [0, 3]],
] as const)('%s', async (_what, costs, points, expected) => {
  expect(await pointsOf(costs, points)).toEqual(expected)
})
