import { expect, test } from 'vitest'
import type { Case } from '../../../src/gate/plan.ts'
import { type Sample, suggest } from '../../../src/gate/suggest.ts'
import type { LimitResult } from '../../../src/gate/verdict.ts'

const item = (scene: string) =>
  ({
    scene,
    precision: 'fp16',
    engine: 'cpu',
    model: { name: 'net', golden: { manifest: { outputs: { depth: { kind: 'metric-depth' } } } } },
  }) as unknown as Case
const sample = (
  scene: string,
  run: number,
  limit: Partial<LimitResult> & Pick<LimitResult, 'used'>,
): Sample => ({
  case: item(scene),
  output: 'depth',
  run,
  limit: { name: 'absRel', value: 0, limit: 0.01, stated: '0.01', pass: limit.used <= 1, ...limit },
})

test('a limit has room over the worst scene and over what reruns vary by', () => {
  expect(
    suggest([
      sample('a', 0, { used: 0.2 }),
      sample('a', 1, { used: 0.25 }),
      sample('b', 0, { used: 0.4 }),
      sample('b', 1, { used: 0.38 }),
    ]),
  ).toMatchObject([
    // 1.5 × 0.004 + 3 × 0.0005
    { metric: 'absRel', scene: 'b', worst: 0.004, proposed: 0.0075, set: 'measured', breaks: false },
  ])
})

test('percentages stay percentages, and 0.99 stays below 1', () => {
  const rmse = { name: 'rmse', stated: '2%', limit: 0.06 } as const
  const delta1 = { name: 'delta1', stated: '0.99', limit: 0.99 } as const
  expect(suggest([sample('a', 0, { ...rmse, used: 0.5 })])).toMatchObject([
    { inForce: '2%', proposed: '1.5%' },
  ])
  expect(suggest([sample('a', 0, { ...delta1, used: 0.5 })])).toMatchObject([
    { inForce: 0.99, proposed: 0.9925 },
  ])
})

test('nothing measured leaves a floor, because other machines round otherwise', () => {
  expect(suggest([sample('a', 0, { used: 0 })])).toMatchObject([{ proposed: 1e-4, set: 'floor' }])
})

test('a limit that breaks today is marked', () => {
  expect(suggest([sample('a', 0, { used: 3 })])).toMatchObject([{ breaks: true }])
})
