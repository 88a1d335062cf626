import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { type CaseRecord, runOutcome } from '../../../src/gate/run-record.ts'
import { forgetOldRuns, newRunId, readOutput, readRun, runIds, saveRun } from '../../../src/gate/run-store.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { temporaryFolder } from '../../helpers/files.ts'
import { judgedOf, runOf, verdictOf } from '../../helpers/runs.ts'

const name = { model: 'net', scene: 's', precision: 'fp16', engine: 'gpu' } as const
const map = ndarray(Float32Array.of(1, 2, Number.NaN, 4), [2, 2])

function saved(folder = join(temporaryFolder(), 'run'), cases: CaseRecord[] = []) {
  const writer = saveRun(folder, { replace: true })
  const outputs = writer.saveOutputs(name, { depth: map, fov_deg: Number.POSITIVE_INFINITY })
  writer.finish(runOf([judgedOf({ absRel: [Number.NaN, 0.01] }, { outputs }), ...cases]))
  return folder
}

/** Changes what a saved run says. */
function edit(folder: string, header: object, more: object = {}): void {
  const file = join(folder, 'run.json')
  const run = JSON.parse(readFileSync(file, 'utf8'))
  writeFileSync(file, JSON.stringify({ ...run, ...more, header: { ...run.header, ...header } }))
}

describe('a saved run', () => {
  test('comes back as it was, also numbers that JSON does not know', () => {
    const folder = saved()
    const { run } = readRun(folder)
    const [record] = run.cases
    if (record?.type !== 'judged') throw new Error('not judged')
    expect(record.verdict).toEqual(verdictOf({ absRel: [Number.NaN, 0.01] }))
    expect(readOutput(folder, record.outputs!.fov_deg!)).toBe(Number.POSITIVE_INFINITY)
    const depth = readOutput(folder, record.outputs!.depth!)
    expect(typeof depth === 'object' && [...depth.data]).toEqual([1, 2, Number.NaN, 4])
    expect(readRun(join(folder, 'run.json')).run).toEqual(run)
  })

  test.each<[string, (folder: string) => void, RegExp]>([
    [
      'from a newer depthgate',
      folder => edit(folder, { depthgate: '9.0.0' }, { schemaVersion: 2 }),
      /run\.json: has schemaVersion 2, written by depthgate 9\.0\.0; this depthgate reads 1\. Update depthgate/,
    ],
    ['cut short', folder => writeFileSync(join(folder, 'run.json'), '{"schemaVersion": 1'), /is not JSON/],
    [
      'that names a file outside of it',
      folder => {
        const file = join(folder, 'run.json')
        writeFileSync(
          file,
          readFileSync(file, 'utf8').replace('net/s/fp16-gpu/depth.npy', '../../secret.npy'),
        )
      },
      /must match pattern/,
    ],
    [
      'whose config lies elsewhere',
      folder => edit(folder, { config: '../else/depthgate.config.ts' }),
      /must match pattern/,
    ],
    ['that is none', folder => writeFileSync(join(folder, 'run.json'), '{}'), /lacks "header"/],
  ])('%s is told by name', (_name, damage, message) => {
    const folder = saved()
    damage(folder)
    expect(errorOf(() => readRun(folder)).message).toMatch(message)
  })

  test('a map whose bytes changed is not judged', () => {
    const folder = saved()
    writeFileSync(join(folder, 'net/s/fp16-gpu/depth.npy'), 'x')
    const [record] = readRun(folder).run.cases
    if (record?.type !== 'judged') throw new Error('not judged')
    expect(() => readOutput(folder, record.outputs!.depth!)).toThrow(/is not the file that was saved/)
  })

  test('replaces an older one whole, and nothing else', () => {
    const folder = saved()
    writeFileSync(join(folder, 'net/s/fp16-gpu/extra.npy'), '')
    saved(folder)
    expect(readdirSync(join(folder, 'net/s/fp16-gpu'))).toEqual(['depth.npy'])
    const other = temporaryFolder()
    writeFileSync(join(other, 'thesis.txt'), '')
    expect(() => saveRun(other)).toThrow(/is not empty and holds no saved run, so it is left alone/)
  })

  test('is not replaced unasked, nor is one that comes back after a kill', () => {
    const folder = saved()
    const message = /(run|release): holds a saved run already\. Name a new folder, or add --replace/
    expect(() => saveRun(folder)).toThrow(message)
    const parent = temporaryFolder()
    saved(join(parent, '.release.old-99999977'))
    expect(() => saveRun(join(parent, 'release'))).toThrow(message)
    expect(readRun(join(parent, 'release')).run.cases).toHaveLength(1)
  })

  test('is not replaced by one that began before it was there; nor is a file', () => {
    const folder = join(temporaryFolder(), 'run')
    const late = saveRun(folder)
    late.saveOutputs(name, { depth: map })
    saved(folder)
    expect(() => late.finish(runOf([]))).toThrow(/holds a saved run already/)
    expect(readRun(folder).run.cases).toHaveLength(1)
    expect(readdirSync(join(folder, '..'))).toEqual(['run'])
    expect(() => saveRun(join(folder, 'run.json'))).toThrow(/run\.json: is a file\. Name a folder/)
  })

  test('of a gate in another container is left to it, unless that is silent for a day', () => {
    const parent = temporaryFolder()
    const [busy, silent] = ['.a.run-99999977-elsewhere', '.b.run-99999977-elsewhere']
    for (const folder of [busy, silent]) mkdirSync(join(parent, folder))
    const days = Date.now() / 1000 - 2 * 24 * 3600
    utimesSync(join(parent, silent), days, days)
    saveRun(join(parent, 'other')).discard()
    expect(readdirSync(parent)).toEqual([busy])
  })

  test('of gates that were killed, half a run goes and a run that was to be replaced comes back', () => {
    const parent = temporaryFolder()
    const folder = saved(join(parent, '.release.old-99999977'))
    mkdirSync(join(parent, '.new.run-99999977'))
    mkdirSync(join(parent, `.mine.run-${process.ppid}`))
    expect(existsSync(folder)).toBe(true)
    saveRun(join(parent, 'other')).discard()
    expect(readdirSync(parent).sort()).toEqual([`.mine.run-${process.ppid}`, 'release'])
  })

  test('only the last three are kept, in the order of their time', () => {
    const root = temporaryFolder()
    const ids = [0, 1, 2, 3, 4].map(day => newRunId(new Date(Date.UTC(2026, 1, 1 + day))))
    for (const id of ids) saved(join(root, '.depthgate/runs', id))
    forgetOldRuns(root)
    expect(runIds(root)).toEqual(ids.slice(-3))
  })
})

describe('what a run comes to', () => {
  const good = judgedOf({ absRel: [0.001, 0.01] })
  const bad = judgedOf({ absRel: [0.02, 0.01] })
  const regressed = judgedOf(
    { absRel: [0.001, 0.01] },
    { baseline: { type: 'regressed', key: 'k', accepted: { by: 'Ada', date: '' }, changes: [] } },
  )
  const broken: CaseRecord = { type: 'broken', ...name, error: 'no' }
  const skipped: CaseRecord = { type: 'skipped', ...name, reason: 'no GPU' }
  const poor = { tier: 0, limit: 0.99, pass: false } as never
  test.each([
    ['passed', runOf([good, skipped])],
    ['failed', runOf([good, bad])],
    ['failed', runOf([good, regressed])],
    ['failed', runOf([good], { quality: [poor] })],
    ['broken', runOf([good, bad, broken])],
    ['broken', runOf([good], { broken: [{ model: 'm', error: 'no' }] })],
    ['broken', runOf([skipped])],
    ['broken', runOf([])],
    ['partial', runOf([good], { header: { ...runOf([]).header, partial: true } })],
  ])('%s', (outcome, run) => expect(runOutcome(run)).toBe(outcome))
})
