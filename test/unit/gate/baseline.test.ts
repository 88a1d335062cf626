import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { acceptedFigures, type BaselineOutcome, holdBaseline } from '../../../src/gate/baseline.ts'
import {
  type BaselineFile,
  baselineKey,
  changeBaseline,
  environmentOf,
  readBaseline,
} from '../../../src/gate/baseline-file.ts'
import { decideUpdate, type UpdateMode } from '../../../src/gate/baseline-update.ts'
import { marginFor } from '../../../src/gate/loss.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { temporaryFolder } from '../../helpers/files.ts'
import { fingerprint, type Held, verdictOf } from '../../helpers/runs.ts'

const accepted = { by: 'Ada', date: '2026-11-24T00:00:00.000Z' }
const scene = (outputs: BaselineFile['scenes'][string]['outputs']) => ({ accepted, onnx: 'o', outputs })
const margin = { relative: 0.05, ofLimit: 0.01 }
const hold = (held: Held, depth: Record<string, number>) =>
  holdBaseline('k', verdictOf(held), scene({ depth }), margin)

describe('a baseline is held inside the tolerance', () => {
  test.each<[string, Held, Record<string, number>, BaselineOutcome['type']]>([
    ['the same figure', { absRel: [0.001, 0.01] }, { absRel: 0.001 }, 'unchanged'],
    ['worse by exactly the relative margin', { absRel: [0.0042, 0.01] }, { absRel: 0.004 }, 'unchanged'],
    ['worse by more', { absRel: [0.0043, 0.01] }, { absRel: 0.004 }, 'regressed'],
    ['better by more', { absRel: [0.0037, 0.01] }, { absRel: 0.004 }, 'improved'],
    [
      'tiny figures may move by a share of the limit',
      { absRel: [1e-4, 0.01] },
      { absRel: 1e-6 },
      'unchanged',
    ],
    ['and by no more', { absRel: [1.1e-4, 0.01] }, { absRel: 1e-6 }, 'regressed'],
    ['a metric whose best is 1, lower', { delta1: [0.995, 0.99] }, { delta1: 0.999 }, 'regressed'],
    ['a metric whose best is 1, higher', { delta1: [0.999, 0.99] }, { delta1: 0.995 }, 'improved'],
    ['scale on the other side of 1', { scale: [0.998, 0.01] }, { scale: 1.002 }, 'unchanged'],
    ['scale further from 1', { scale: [0.995, 0.01] }, { scale: 1.002 }, 'regressed'],
    [
      'one better and one worse',
      { absRel: [0.001, 0.01], rmse: [0.5, 1] },
      { absRel: 0.004, rmse: 0.4 },
      'regressed',
    ],
    ['beyond the tolerance', { absRel: [0.02, 0.01] }, { absRel: 0.02 }, 'unjudged'],
    ['a limit that is new', { absRel: [0.001, 0.01], rmse: [0.5, 1] }, { absRel: 0.001 }, 'none'],
  ])('%s', (_name, held, depth, type) => expect(hold(held, depth).type).toBe(type))

  test('without a baseline the tolerance alone judges, and every metric is told as missing', () => {
    expect(holdBaseline('k', verdictOf({ absRel: [0.001, 0.01] }), undefined, margin)).toEqual({
      type: 'none',
      key: 'k',
      missing: ['depth absRel'],
    })
  })

  test('one of another golden or range is not held, whatever its figures', () => {
    const of = (pixels?: string) => ({ ...scene({ depth: { absRel: 0.001 } }), ...(pixels && { pixels }) })
    const worse = verdictOf({ absRel: [0.009, 0.01] })
    expect(holdBaseline('k', worse, of('a'), margin, 'b')).toEqual({
      ...{ type: 'none', key: 'k', missing: ['depth absRel'], stale: true },
    })
    for (const known of [of('b'), of()])
      expect(holdBaseline('k', worse, known, margin, 'b').type).toBe('regressed')
  })

  test('what moved is told with its margin', () => {
    expect(hold({ absRel: [0.008, 0.01] }, { absRel: 0.004 })).toMatchObject({
      changes: [{ output: 'depth', metric: 'absRel', accepted: 0.004, value: 0.008, margin: 2e-4 }],
    })
  })
})

test.each<[string, Parameters<typeof marginFor>[1], number]>([
  ['ONNX Runtime on the CPU', { engine: 'onnxruntime', provider: 'cpu' }, 0.01],
  ["ONNX Runtime's TensorRT provider", { engine: 'onnxruntime', provider: 'tensorrt' }, 0.2],
  ['TensorRT', { engine: 'tensorrt', provider: 'cuda', options: { optimizationLevel: 1 } }, 0.2],
  [
    'a plan that was built elsewhere',
    { engine: 'tensorrt', provider: 'cuda', options: { prebuilt: true } },
    0.01,
  ],
])('what chooses kernels at each build may move further: %s', (_name, origin, ofLimit) => {
  expect(marginFor({ ...margin, rebuilt: 0.2 }, origin)).toEqual({ relative: 0.05, ofLimit })
  expect(marginFor({ relative: 0, ofLimit: 0.3, rebuilt: 0.2 }, origin).ofLimit).toBe(0.3)
})

describe('accepting', () => {
  test('keeps figures that moved within their margin, so that small steps never add up unseen', () => {
    const before = { depth: { absRel: 0.004, rmse: 0.4 } }
    const after = acceptedFigures(verdictOf({ absRel: [0.0041, 0.01], rmse: [0.5, 1] }), before, margin)
    expect(after).toEqual({ depth: { absRel: 0.004, rmse: 0.5 } })
  })

  test('no creep: many steps within the margin end at the first figure', () => {
    let figures = acceptedFigures(verdictOf({ absRel: [0.004, 0.01] }), undefined, margin)
    for (let value = 0.004; value < 0.0042; value += 0.00005)
      figures = acceptedFigures(verdictOf({ absRel: [value, 0.01] }), figures, margin)
    expect(figures).toEqual({ depth: { absRel: 0.004 } })
  })
})

describe('what --update does', () => {
  const outcomes: Record<BaselineOutcome['type'], BaselineOutcome> = {
    none: { type: 'none', key: 'k', missing: [] },
    unjudged: { type: 'unjudged', key: 'k' },
    unchanged: { type: 'unchanged', key: 'k', accepted },
    improved: { type: 'improved', key: 'k', accepted, changes: [] },
    regressed: { type: 'regressed', key: 'k', accepted, changes: [] },
  }
  test.each<[BaselineOutcome['type'], Record<UpdateMode, string>]>([
    ['none', { all: 'added', new: 'added', none: 'ask new' }],
    ['unjudged', { all: 'ask failed', new: 'ask failed', none: 'ask failed' }],
    ['unchanged', { all: 'nothing', new: 'nothing', none: 'nothing' }],
    ['improved', { all: 'updated', new: 'ask improved', none: 'ask improved' }],
    ['regressed', { all: 'updated', new: 'ask regressed', none: 'ask regressed' }],
  ])('%s', (type, expected) => {
    for (const [mode, word] of Object.entries(expected)) {
      const action = decideUpdate(outcomes[type], mode as UpdateMode)
      expect(
        action.type === 'write' ? action.how : action.type === 'ask' ? `ask ${action.kind}` : action.type,
      ).toBe(word)
    }
  })
})

describe('a baseline belongs to one environment', () => {
  const { onnx: _, ...environment } = fingerprint

  test('another ONNX has the same baseline, anything else another', () => {
    const key = baselineKey(environmentOf(fingerprint))
    expect(key).toMatch(/^fp16-tensorrt-10\.6-cuda-[0-9a-f]{8}$/)
    expect(baselineKey(environmentOf({ ...fingerprint, onnx: 'b'.repeat(64) }))).toBe(key)
    for (const other of [
      { device: 'NVIDIA H200' },
      { engineVersion: '10.7' },
      { precision: 'fp32' as const },
      { fusion: 'off' as const },
      { driver: '580' },
      { options: { optimizationLevel: 5 } },
    ])
      expect(baselineKey(environmentOf({ ...fingerprint, ...other }))).not.toBe(key)
  })

  test('CPUs share one only where the config says so; GPUs never do', () => {
    const cpu = { ...fingerprint, provider: 'cpu', device: 'x64 AMD EPYC 7763' }
    const other = { ...cpu, device: 'x64 Intel Xeon 8370C' }
    expect(environmentOf(cpu)).not.toEqual(environmentOf(other))
    expect(environmentOf(cpu, true)).toEqual(environmentOf(other, true))
    expect(environmentOf(fingerprint, true)).toEqual(environment)
  })

  const write = (folder: string, scenes: BaselineFile['scenes']) => {
    const path = join(folder, `${baselineKey(environment)}.json`)
    changeBaseline(path, environment, before => ({ ...before, ...scenes }))
    return path
  }

  test('is read back as it was written, and not rewritten where nothing changes', () => {
    const folder = temporaryFolder()
    const path = write(folder, { s: scene({ depth: { absRel: 0.001 } }) })
    expect(readBaseline(path)?.scenes.s).toEqual(scene({ depth: { absRel: 0.001 } }))
    const text = readFileSync(path, 'utf8')
    write(folder, {})
    expect(readFileSync(path, 'utf8')).toBe(text)
    expect(readBaseline(join(folder, 'none.json'))).toBeUndefined()
  })

  test.each<[string, (path: string) => void, RegExp]>([
    [
      'merge-conflict marks',
      path => writeFileSync(path, `<<<<<<< ours\n${readFileSync(path, 'utf8')}=======\n>>>>>>> theirs\n`),
      /holds merge-conflict marks\. Resolve them/,
    ],
    [
      'a newer version',
      path =>
        writeFileSync(path, readFileSync(path, 'utf8').replace('"schemaVersion": 1', '"schemaVersion": 2')),
      /has schemaVersion 2, this depthgate reads 1\. Update depthgate/,
    ],
    [
      "another machine's environment",
      path => writeFileSync(path, readFileSync(path, 'utf8').replace('NVIDIA H100', 'NVIDIA A100')),
      /holds the baselines of another environment, whose file would be/,
    ],
    [
      'a figure that is no number',
      path => writeFileSync(path, readFileSync(path, 'utf8').replace('0.001', '"NaN"')),
      /absRel: "NaN" must be number/,
    ],
  ])('%s is told by name', (_name, damage, message) => {
    const path = write(temporaryFolder(), { s: scene({ depth: { absRel: 0.001 } }) })
    damage(path)
    const { message: told } = errorOf(() => readBaseline(path))
    expect(told).toMatch(message)
    expect(told).toContain(path)
  })

  test('git merges two branches that accept different scenes', () => {
    const folder = temporaryFolder()
    const first = { a: 0.001, m: 0.002, z: 0.003 }
    const file = (name: string, scenes: Record<string, number>) => {
      mkdirSync(join(folder, name))
      const written = write(
        join(folder, name),
        Object.fromEntries(
          Object.entries(scenes).map(([key, absRel]) => [key, scene({ depth: { absRel } })]),
        ),
      )
      renameSync(written, join(folder, `${name}.json`))
      return `${name}.json`
    }
    const base = file('base', first)
    const ours = file('ours', { ...first, a: 0.0005, c: 0.004 })
    const theirs = file('theirs', { ...first, z: 0.0005, q: 0.005 })
    execFileSync('git', ['merge-file', ours, base, theirs], { cwd: folder })
    const merged = JSON.parse(readFileSync(join(folder, ours), 'utf8')) as BaselineFile
    expect(Object.keys(merged.scenes)).toEqual(['a', 'c', 'm', 'q', 'z'])
    expect(merged.scenes.a?.outputs.depth?.absRel).toBe(0.0005)
    expect(merged.scenes.z?.outputs.depth?.absRel).toBe(0.0005)
  })
})
