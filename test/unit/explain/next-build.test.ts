import { expect, test } from 'vitest'
import { type Attempt, type Failed, nextBuild, settle } from '../../../src/explain/next-build.ts'

const target = 0.9
const set = (used: number, cost: number): Attempt => ({ used, cost })
const why = (...attempts: (Attempt | Failed)[]) => {
  const next = nextBuild(attempts, target)
  return next.type === 'build' ? next.why : next
}

test.each([
  [[], 'first'],
  [[set(1.4, 0.2)], 'missed'],
  [[set(Number.POSITIVE_INFINITY, 0.2), set(1.1, 0.3)], 'safest'],
  [[set(1.4, 0.2), set(1.1, 0.3), set(1.01, 0.6)], { type: 'unconfirmed', best: 2 }],
  [[set(1.4, 0.2), set(0.95, 0.3), set(1.01, 0.6)], { type: 'unconfirmed', best: 1 }],
  // just within, and with a margin that is worth no further build
  [[set(0.9, 0.2)], { type: 'confirmed', attempt: 0 }],
  [[set(1.4, 0.2), set(0.3, 0.5)], { type: 'confirmed', attempt: 1 }],
  // much room: one more build for a cheaper set, and the cheaper of those that pass
  [[set(0.3, 0.5)], 'room'],
  [[set(0.3, 0.5), set(0.8, 0.2)], { type: 'confirmed', attempt: 1 }],
  [[set(0.3, 0.5), set(1.2, 0.2)], { type: 'confirmed', attempt: 0 }],
  // what could not be built is made even, also where another missed before; it is never an answer
  [['unbuilt'], 'uneven'],
  [['unbuilt', 'unbuilt'], 'uneven'],
  [[set(1.4, 0.2), 'unbuilt'], 'uneven'],
  [['unbuilt', set(1.4, 0.2)], 'safest'],
  [['unbuilt', set(0.3, 0.5)], { type: 'confirmed', attempt: 1 }],
  [[set(0.3, 0.5), 'unbuilt'], { type: 'confirmed', attempt: 0 }],
  [['unbuilt', set(1.4, 0.2), 'unbuilt'], { type: 'unconfirmed', best: 1 }],
  [['unbuilt', 'unbuilt', 'unbuilt'], { type: 'unconfirmed', best: -1 }],
] as const)('after %j: %j', (attempts, next) => {
  expect(why(...attempts)).toEqual(next)
})

test('no more than the limit is built, and what is safest asks for more than what missed', () => {
  expect(nextBuild([set(2, 0.1)], target, 1)).toEqual({ type: 'unconfirmed', best: 0 })
  expect(nextBuild([set(0.1, 0.5)], target, 1)).toEqual({ type: 'confirmed', attempt: 0 })
  const caution = (...attempts: Attempt[]) => {
    const next = nextBuild(attempts, target)
    return next.type === 'build' ? next.cautions[0]! : 0
  }
  const missed = set(2, 0.1)
  expect(caution()).toBeLessThan(caution(missed))
  expect(caution(missed)).toBeLessThan(caution(missed, missed))
})

test('of sets that pass the quickest is taken, and of those that are as quick the cheapest', () => {
  const timed = (used: number, cost: number, latency: number) => ({ ...set(used, cost), latency })
  const chosen = (...attempts: Attempt[]) => settle(attempts, target)
  expect(chosen(timed(0.8, 0.1, 0.65), timed(0.4, 0.3, 0.54))).toEqual({ type: 'confirmed', attempt: 1 })
  // within what two measurements of one engine lie apart
  expect(chosen(timed(0.8, 0.1, 0.65), timed(0.4, 0.3, 0.64))).toEqual({ type: 'confirmed', attempt: 0 })
  // a quick one that does not pass, and one that was not timed
  expect(chosen(timed(0.8, 0.1, 0.65), timed(1.1, 0.05, 0.3))).toEqual({ type: 'confirmed', attempt: 0 })
  expect(chosen(timed(0.4, 0.3, 0.54), set(0.8, 0.1))).toEqual({ type: 'confirmed', attempt: 1 })
  expect(chosen()).toEqual({ type: 'unconfirmed', best: -1 })
})
