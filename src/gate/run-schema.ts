import { precisions } from '../engines/engine.ts'
import { runVersion } from './run-record.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const texts = { type: 'array', items: text } as const
const time = { type: 'string', format: 'date-time' } as const
/** A number; those that JSON cannot write stand as words. */
const number = { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] } as const

/** Open to keys that a later version of the same schema adds: readers leave alone what they do not know. */
function object<P extends object>(properties: P, optional: readonly (keyof P)[] = []) {
  const required = Object.keys(properties).filter(key => !optional.includes(key as keyof P))
  return { type: 'object', properties, required } as const
}

const list = <T extends object>(items: T) => ({ type: 'array', items }) as const
const byName = <T extends object>(schema: T) => ({ type: 'object', additionalProperties: schema }) as const

const test = object({ name: text, file: text, line: { type: 'integer', minimum: 1 } }, ['line'])

const caseName = { model: text, scene: text, precision: { enum: precisions }, engine: text } as const

const limit = object({
  name: text,
  value: number,
  limit: number,
  stated: text,
  pass: flag,
  used: number,
})

const outputBase = { output: text, kind: text, pass: flag, reason: text } as const
const output = {
  anyOf: [
    object(
      {
        ...outputBase,
        type: { const: 'map' },
        metrics: byName(number),
        range: object({ min: number, max: number }, ['min', 'max']),
        counts: byName({ type: 'integer' }),
        limits: list(limit),
        worst: { type: ['object', 'null'] },
      },
      ['range'],
    ),
    object({ ...outputBase, type: { const: 'fov' }, golden: number, actual: number, limits: list(limit) }),
    object({ ...outputBase, type: { const: 'incomparable' }, cause: text }),
  ],
} as const

/** A verdict in JSON. */
export const verdictResult = object(
  {
    model: text,
    scene: text,
    precision: { enum: precisions },
    pass: flag,
    reason: text,
    outputs: list(output),
    engine: text,
    fingerprint: { type: 'object' },
    attribution: object({
      cause: text,
      reason: text,
      output: text,
      unit: text,
      corners: list({ type: 'object' }),
    }),
    notes: texts,
  },
  ['engine', 'fingerprint', 'attribution'],
)

const accepted = object({ by: text, date: time, reason: text }, ['reason'])
const change = object({ output: text, metric: text, accepted: number, value: number, margin: number })
/** What a baseline says, in JSON. */
export const baselineResult = {
  anyOf: [
    object({ type: { const: 'none' }, key: text, missing: texts, stale: { const: true } }, ['stale']),
    object({ type: { const: 'unjudged' }, key: text }),
    object({ type: { const: 'unchanged' }, key: text, accepted }),
    object({ type: { enum: ['improved', 'regressed'] }, key: text, accepted, changes: list(change) }),
  ],
} as const

/** Never a path that leaves the run's folder. */
const inside = { type: 'string', pattern: '^(?!.*\\.\\.)[^/\\\\:][^\\\\:]*$' } as const
const file = object({ file: inside, sha256: { type: 'string', pattern: '^[0-9a-f]{64}$' } })
const figures = object({ delta1: number, absRel: number })

const count = { type: 'integer', minimum: 0 } as const
const plan = object(
  {
    layers: count,
    fused: count,
    largest: list(object({ layer: text, nodes: count })),
    types: byName(count),
    formats: byName(count),
    bytes: count,
    buildSeconds: number,
    fresh: flag,
    activationBytes: count,
    deviceBytes: count,
  },
  ['fused', 'largest', 'types', 'formats', 'bytes', 'buildSeconds', 'deviceBytes'],
)

const record = {
  anyOf: [
    object(
      {
        ...caseName,
        type: { const: 'judged' },
        milliseconds: number,
        verdict: verdictResult,
        baseline: baselineResult,
        plan,
        quality: list(object({ output: text, truth: text, golden: figures, engine: figures })),
        outputs: byName({ anyOf: [file, object({ value: number })] }),
        pictures: byName(text),
        test,
      },
      ['plan', 'quality', 'outputs', 'pictures', 'test'],
    ),
    object({ ...caseName, type: { const: 'broken' }, error: text }),
    object({ ...caseName, type: { const: 'skipped' }, reason: text }),
  ],
} as const

const header = object(
  {
    id: text,
    depthgate: text,
    // the name alone: a report looks for that file, and runs it
    config: { type: 'string', pattern: '^[^/\\\\]+$' },
    started: time,
    ended: time,
    partial: flag,
    filter: object({ models: texts, scenes: texts, precisions: texts, engines: texts, grep: text }, [
      'models',
      'scenes',
      'precisions',
      'engines',
      'grep',
    ]),
    host: object({
      node: text,
      platform: text,
      arch: text,
      cpu: text,
      cores: { type: 'integer' },
      ci: flag,
    }),
  },
  ['config', 'filter'],
)

const quality = object(
  {
    model: text,
    precision: { enum: precisions },
    engine: text,
    output: text,
    scenes: { type: 'integer' },
    goldenMean: figures,
    engineMean: figures,
    kept: figures,
    tier: { enum: [0.999, 0.99, 0] },
    limit: number,
    pass: flag,
  },
  ['limit'],
)

/** The single definition of run.json. Published as depthgate/schema/run.schema.json. */
export const runSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:depthgate:run:${runVersion}`,
  title: 'depthgate run',
  ...object({
    schemaVersion: { const: runVersion },
    header,
    plan: list(object(caseName)),
    cases: list(record),
    quality: list(quality),
    broken: list(object({ model: text, error: text, test }, ['test'])),
    remarks: texts,
    obsolete: list(object({ path: text, scene: text, why: text }, ['scene'])),
  }),
} as const
