import type { Fingerprint } from '../../src/engines/engine.ts'
import type { JudgedRecord, RunRecord } from '../../src/gate/run-record.ts'
import type { LimitName } from '../../src/gate/tolerance.ts'
import type { MapVerdict, Verdict } from '../../src/gate/verdict.ts'
import { catalogue, type Metrics } from '../../src/metrics/index.ts'

export const fingerprint: Fingerprint = {
  onnx: 'a'.repeat(64),
  precision: 'fp16',
  fusion: 'on',
  arithmetic: 'native',
  engine: 'tensorrt',
  engineVersion: '10.6',
  provider: 'cuda',
  device: 'NVIDIA H100',
}

/** Limits and values by metric: `{ absRel: [value, limit] }`. */
export type Held = { [metric in LimitName]?: readonly [value: number, limit: number] }

/** The verdict over one map `depth` that holds these values against these limits. */
function mapVerdict(held: Held): MapVerdict {
  const limits = (Object.entries(held) as [LimitName, [number, number]][]).map(([name, [value, limit]]) => {
    const { better } = catalogue[name]
    const pass =
      better === 'lower'
        ? value <= limit
        : better === 'higher'
          ? value >= limit
          : Math.abs(value - 1) <= limit
    return { name, value, limit, stated: String(limit), pass, used: value / limit }
  })
  return {
    type: 'map',
    output: 'depth',
    kind: 'metric-depth',
    pass: limits.every(({ pass }) => pass),
    reason: 'a test',
    metrics: Object.fromEntries(limits.map(({ name, value }) => [name, value])) as Metrics,
    counts: { pixels: 4, compared: 4, goldenNonFinite: 0, outside: 0, masked: 0, actualNonFinite: 0 },
    limits,
    worst: null,
  }
}

export function verdictOf(held: Held, extra: Partial<Verdict> = {}): Verdict {
  const output = mapVerdict(held)
  return {
    model: 'net',
    scene: 's',
    precision: 'fp16',
    pass: output.pass,
    reason: 'a test',
    outputs: [output],
    engine: 'gpu',
    fingerprint,
    notes: [],
    ...extra,
  }
}

export function judgedOf(held: Held, extra: Partial<JudgedRecord> = {}): JudgedRecord {
  return {
    type: 'judged',
    model: 'net',
    scene: 's',
    precision: 'fp16',
    engine: 'gpu',
    milliseconds: 1,
    verdict: verdictOf(held),
    baseline: { type: 'none', key: 'k', missing: [] },
    ...extra,
  }
}

export function runOf(cases: RunRecord['cases'], extra: Partial<RunRecord> = {}): RunRecord {
  return {
    schemaVersion: 1,
    header: {
      id: '20261124-214003-4f2a',
      depthgate: '0.1.0',
      started: '2026-11-24T21:40:03.000Z',
      ended: '2026-11-24T21:40:05.000Z',
      partial: false,
      host: { node: '20.19.0', platform: 'linux', arch: 'x64', cpu: 'a CPU', cores: 2, ci: false },
    },
    plan: cases.map(({ model, scene, precision, engine }) => ({ model, scene, precision, engine })),
    cases,
    quality: [],
    broken: [],
    remarks: [],
    obsolete: [],
    ...extra,
  }
}
