import { depthMap } from '../../src/depth/depth-map.ts'
import type { CaseRecord, JudgedRecord, RunRecord } from '../../src/gate/run-record.ts'
import { judged, runOf } from './synthetic-run.ts'

/** A name that tries to be markup, a table cell, a command, an attachment, a terminal sequence, and text that runs backwards. */
export const hostile =
  '<img src=x onerror=alert(1)>"\'&|`**[x](javascript:1)\n::error::x%0A,:]]>\u001b[31m\u001b]8;;http://x\u0007\u202e\u0000</script>'

const good = depthMap(Float32Array.of(1, 2, 3, 4), 2, 2)
const off = depthMap(Float32Array.of(1, 2, 3, 9), 2, 2)

/** A run in which every text that somebody else may have written is hostile. */
export function hostileRun(): RunRecord {
  const name = { model: hostile, scene: hostile, precision: 'fp16', engine: hostile } as const
  const failing: JudgedRecord = judged(name, good, off)
  failing.verdict.reason = hostile
  failing.verdict.notes = [hostile]
  failing.verdict.outputs[0]!.reason = hostile
  failing.verdict.outputs[0]!.output = hostile
  failing.verdict.attribution!.reason = hostile
  failing.verdict.fingerprint!.device = hostile
  failing.plan = {
    ...{ layers: 1, fused: 1, fresh: true, activationBytes: 1, buildSeconds: 1 },
    ...{ largest: [{ layer: hostile, nodes: 2 }], types: { [hostile]: 1 }, formats: { [hostile]: 1 } },
  }
  failing.pictures = { [hostile]: `${hostile}.png` }
  failing.test = { name: hostile, file: hostile, line: 3 }
  const regressed: JudgedRecord = judged({ ...name, scene: `${hostile}2` }, good, good, 1, {
    type: 'regressed',
    key: hostile,
    accepted: { by: hostile, date: '2026-11-01T00:00:00Z', reason: hostile },
    changes: [{ output: hostile, metric: 'absRel', accepted: 0, value: 1, margin: 0 }],
  })
  const cases: CaseRecord[] = [
    failing,
    regressed,
    { type: 'broken', ...name, scene: `${hostile}3`, error: hostile },
    { type: 'skipped', ...name, scene: `${hostile}4`, reason: hostile },
  ]
  const figures = { delta1: 0.9, absRel: 0.1 }
  return runOf(cases, {
    broken: [{ model: hostile, error: hostile }],
    remarks: [hostile],
    obsolete: [{ path: hostile, why: hostile }] as RunRecord['obsolete'],
    quality: [
      {
        model: hostile,
        precision: 'fp16',
        engine: hostile,
        output: hostile,
        scenes: 1,
        goldenMean: figures,
        engineMean: figures,
        kept: figures,
        tier: 0,
        limit: 0.99,
        pass: false,
      },
    ],
  })
}
