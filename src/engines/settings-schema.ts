import { precisions } from './engine.ts'

const text = { type: 'string', minLength: 1 } as const
const flag = { type: 'boolean' } as const
const device = { type: 'integer', minimum: 0 } as const
const seconds = { type: 'number', exclusiveMinimum: 0 } as const
const floats = { enum: ['float32', 'float16', 'float64'] } as const

const common = {
  precisions: { type: 'array', items: { enum: precisions }, minItems: 1, uniqueItems: true },
  optional: flag,
} as const

const own = {
  onnxruntime: { provider: { enum: ['cpu', 'cuda', 'tensorrt'] }, device },
  tensorrt: {
    python: text,
    device,
    typing: { enum: ['strong', 'weak'] },
    optimizationLevel: { type: 'integer', minimum: 0, maximum: 5 },
    workspaceMiB: { type: 'integer', minimum: 1 },
    timingCache: { anyOf: [text, { const: false }] },
    allowTf32: flag,
    strictNans: flag,
    fp32Layers: { type: 'array', items: text, minItems: 1 },
    versionCompatible: flag,
    hardwareCompatibility: { enum: ['none', 'ampere+', 'sameComputeCapability'] },
    buildSeconds: seconds,
    runSeconds: seconds,
    plan: {
      anyOf: [
        text,
        {
          type: 'object',
          properties: Object.fromEntries(precisions.map(precision => [precision, text])),
          additionalProperties: false,
          minProperties: 1,
        },
      ],
    },
  },
  command: {
    command: { type: 'array', items: { type: 'string' }, minItems: 1 },
    input: { enum: ['npy', 'raw'] },
    raw: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        properties: {
          type: floats,
          shape: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 1 },
        },
        required: ['type', 'shape'],
        additionalProperties: false,
      },
    },
    cwd: text,
    version: text,
    seconds,
  },
} as const

type Kind = keyof typeof own

const required: Record<Kind, string[]> = { onnxruntime: [], tensorrt: [], command: ['command'] }

/** One engine of a config. The kind decides which other keys there may be. */
export const engineSchema = {
  type: 'object',
  properties: { engine: { enum: Object.keys(own) } },
  required: ['engine'],
  allOf: (Object.keys(own) as Kind[]).map(kind => ({
    if: { type: 'object', properties: { engine: { const: kind } }, required: ['engine'] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema's own word
    then: {
      type: 'object',
      properties: { engine: { const: kind }, ...common, ...own[kind] },
      required: required[kind],
      additionalProperties: false,
    },
  })),
} as const
