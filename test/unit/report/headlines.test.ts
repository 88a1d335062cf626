import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import type { JudgedRecord } from '../../../src/gate/run-record.ts'
import type { Attribution, Cause } from '../../../src/gate/verdict.ts'
import { runDetails } from '../../../src/report/run-text.ts'
import { visible } from '../../../src/report/table.ts'
import { judgedOf, runOf, verdictOf } from '../../helpers/runs.ts'

const attribution = (cause: Cause): Attribution => ({
  cause,
  reason: `because of ${cause}`,
  output: 'depth',
  unit: 'absRel',
  corners: [],
})

/** A case that uses so much of its limit, for this cause. */
function failing(scene: string, used: number, cause: Cause = 'export', model = 'net'): JudgedRecord {
  const verdict = verdictOf({ absRel: [used, 1] }, { model, scene, notes: [`of ${scene}`] })
  return judgedOf({}, { model, scene, verdict: { ...verdict, attribution: attribution(cause) } })
}

const changed = (type: 'improved' | 'regressed', scene: string): JudgedRecord =>
  judgedOf(
    { absRel: [0.5, 1] },
    {
      scene,
      baseline: {
        type,
        key: 'k',
        accepted: { by: 'me', date: '2026-01-01T00:00:00Z' },
        changes: [{ output: 'depth', metric: 'absRel', accepted: 0.4, value: 0.5, margin: 0.01 }],
      },
    },
  )

const told = (cases: JudgedRecord[], options: Parameters<typeof runDetails>[1] = {}) =>
  stripVTControlCharacters(runDetails(runOf(cases), options).join('\n\n'))
const bodies = (text: string) => [...text.matchAll(/^net\d?\/(\w+) at/gm)].map(([, scene]) => scene)

test('three failures are told in full', () => {
  const text = told([failing('a', 2), failing('b', 3), failing('c', 4)])
  expect(bodies(text)).toEqual(['a', 'b', 'c'])
  expect(text).not.toContain('in full')
})

test('of more each has a line under its cause, the worst of each cause and model a body', () => {
  const cases = [
    failing('a', 2),
    failing('b', 8, 'accumulation'),
    failing('c', 4),
    failing('d', 3, 'accumulation'),
    failing('e', 5, 'export', 'net2'),
    changed('regressed', 'f'),
    changed('improved', 'g'),
  ]
  const text = told(cases, { more: 'the page' })
  expect(bodies(text)).toEqual(['b', 'e', 'c'])
  expect(text).toContain(`
cause: accumulation, 2 cases
  ✗  net/b/fp16/gpu  depth absRel 8× the limit
  ✗  net/d/fp16/gpu  depth absRel 3× the limit

cause: export, 3 cases
  ✗  net2/e/fp16/gpu  depth absRel 5× the limit
  ✗  net/c/fp16/gpu   depth absRel 4× the limit
  ✗  net/a/fp16/gpu   depth absRel 2× the limit

worse than the baseline, 1 case
  ✗  net/f/fp16/gpu  worse than its baseline: depth absRel 0.4 → 0.5

better than the baseline, 1 case
  ✓  net/g/fp16/gpu  better than its baseline: depth absRel 0.4 → 0.5

3 of these 7 cases are told in full above. All of them: the page
`)
  // what only a body says is told once for those without one
  expect(text).toContain('note: of a\nnote: of d')
})

test('all are told in full where that is asked for', () => {
  const scenes = ['a', 'b', 'c', 'd', 'e']
  const text = told(
    scenes.map(scene => failing(scene, 2)),
    { full: true },
  )
  expect(bodies(text)).toEqual(scenes)
  expect(text).not.toContain('5 cases')
})

test('no line is wider than the terminal', () => {
  const scenes = [...'abcde'].map(letter => letter.repeat(20))
  const cases = [...scenes, '厨'.repeat(15)].map(scene => {
    const record = failing(scene, 2)
    const [output] = record.verdict.outputs
    record.verdict.outputs = [
      {
        ...{ type: 'incomparable', cause: 'shape', pass: false, output: 'depth', kind: output!.kind },
        reason: 'the engine gave another shape than the golden, and this goes on and on and on',
      },
    ]
    return record
  })
  const rows = told(cases, { width: 80 })
    .split('\n')
    .filter(line => line.startsWith('  ✗'))
  expect(rows).toHaveLength(6)
  expect(Math.max(...rows.map(visible))).toBe(80)
})
