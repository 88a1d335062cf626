import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { describe, expect, test } from 'vitest'
import { type PlanRecord, planRecord } from '../../../src/gate/plan-record.ts'
import { readRun, saveRun } from '../../../src/gate/run-store.ts'
import { planRows, planTable } from '../../../src/report/plan-words.ts'
import { runDetails } from '../../../src/report/run-text.ts'
import { temporaryFolder } from '../../helpers/files.ts'
import { judgedOf, runOf } from '../../helpers/runs.ts'

/** As TensorRT 10.6 on an H200 told of the bundled network. */
const facts = {
  path: '/here/.depthgate/plans/tf32.plan',
  bytes: 8408004,
  buildSeconds: 100.21123793499999,
  fresh: true,
  layers: 241,
  inspection: {
    layers: 241,
    fused: 92,
    largest: [{ layer: '__myl_MulErfAddMulMul_myl42_16', nodes: 5 }],
    types: { NoOp: 17, kgen: 99, gemm: 36 },
    formats: { Float: 314 },
  },
  activationBytes: 12_000_000,
}
const built = planRecord({ plan: facts, deviceBytes: 33_554_432 })!
const cached: PlanRecord = { ...built, fresh: false }
/** A prebuilt plan tells little. */
const brought = planRecord({
  plan: { ...facts, bytes: undefined, buildSeconds: undefined, fresh: false, inspection: undefined },
})!

describe('the facts of a plan', () => {
  test('leave its path out, and what is not known', () => {
    expect(built).toEqual({
      ...{ layers: 241, fused: 92, bytes: 8408004, buildSeconds: facts.buildSeconds, fresh: true },
      ...{ largest: facts.inspection.largest, types: facts.inspection.types, formats: { Float: 314 } },
      ...{ activationBytes: 12_000_000, deviceBytes: 33_554_432 },
    })
    expect(brought).toEqual({ layers: 241, fresh: false, activationBytes: 12_000_000 })
    expect(planRecord({})).toBeUndefined()
  })

  test('are told in words', () => {
    expect(planRows(built)).toEqual([
      ['layers', '241 layers, 92 fused'],
      ['plan', '8.41 MB, built in 100 s'],
      ['device memory', '33.6 MB'],
      ['scratch memory', '12 MB'],
      ['kinds of layers', 'kgen 99, gemm 36, NoOp 17'],
      ['formats of outputs', 'Float 314'],
      ['fused from 5 nodes', '__myl_MulErfAddMulMul_myl42_16'],
    ])
    expect(planRows(brought)).toEqual([
      ['layers', '241 layers'],
      ['plan', 'brought ready'],
      ['scratch memory', '12 MB'],
    ])
  })

  test('stand once a variant under the table of a gate', () => {
    const cases = [
      judgedOf({ absRel: [0, 1] }, { plan: built }),
      judgedOf({ absRel: [0, 1] }, { scene: 't', plan: built }),
      judgedOf({ absRel: [0, 1] }, { precision: 'fp32', plan: cached }),
    ]
    const lines = planTable(cases).map(stripVTControlCharacters)
    expect(lines).toEqual([
      'TensorRT plans',
      '  net fp16 on gpu  241 layers, 92 fused  8.41 MB  33.6 MB on the GPU  built in 100 s',
      '  net fp32 on gpu  241 layers, 92 fused  8.41 MB  33.6 MB on the GPU  from the cache, built once in 100 s',
    ])
    expect(stripVTControlCharacters(runDetails(runOf(cases)).join('\n'))).toContain(lines.join('\n'))
    expect(planTable([judgedOf({ absRel: [0, 1] })])).toEqual([])
  })

  test('are saved with a run, and a run without them is read still', () => {
    const folder = join(temporaryFolder(), 'run')
    saveRun(folder).finish(
      runOf([judgedOf({ absRel: [0, 1] }, { plan: brought }), judgedOf({ absRel: [0, 1] }, { plan: built })]),
    )
    const plans = () =>
      readRun(folder).run.cases.map(record => (record.type === 'judged' ? record.plan : undefined))
    expect(plans()).toEqual([brought, built])
    const file = join(folder, 'run.json')
    const run = JSON.parse(readFileSync(file, 'utf8'))
    delete run.cases[0].plan
    writeFileSync(file, JSON.stringify(run))
    expect(plans()).toEqual([undefined, built])
    run.cases[1].plan.layers = 'many'
    writeFileSync(file, JSON.stringify(run))
    expect(plans).toThrow(/cases\.1\.plan\.layers: "many" must be integer/)
  })
})
