import { letterSegment, segment } from '../base/names.ts'

const name = { type: 'string', pattern: `^${segment}$` } as const
export const sceneName = { type: 'string', pattern: `^${letterSegment}$` } as const
/** `scene/file` or, for files that scenes share, `file`: never a path that leaves the golden's folder. */
const file = { type: 'string', pattern: `^(${letterSegment}/)?${letterSegment}$` } as const
const hash = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const
const triple = { type: 'array', items: { type: 'number' }, minItems: 3, maxItems: 3 } as const

export const mapRecord = {
  type: 'object',
  properties: {
    file,
    sha256: hash,
    shape: { type: 'array', items: { type: 'integer', minimum: 1 }, minItems: 2, maxItems: 2 },
  },
  required: ['file', 'sha256', 'shape'],
  additionalProperties: false,
} as const

export const scalarRecord = {
  type: 'object',
  properties: { value: { type: 'number' } },
  required: ['value'],
  additionalProperties: false,
} as const

const sceneRecord = {
  type: 'object',
  properties: {
    input: {
      type: 'object',
      properties: { file, sha256: hash },
      required: ['file', 'sha256'],
      additionalProperties: false,
    },
    outputs: {
      type: 'object',
      propertyNames: name,
      additionalProperties: { anyOf: [mapRecord, scalarRecord] },
      minProperties: 1,
    },
    source: { type: 'string' },
  },
  required: ['input', 'outputs'],
  additionalProperties: false,
} as const

export const captureRecord = {
  type: 'object',
  properties: {
    factory: { type: 'string' },
    weights: hash,
    parameters: { type: 'integer', minimum: 0 },
    torch: { type: 'string' },
    python: { type: 'string' },
    device: { type: 'string' },
    dtype: { const: 'float32' },
    flags: {
      type: 'object',
      properties: {
        tf32: { const: false },
        deterministic: { const: true },
        cudnn_benchmark: { const: false },
        bitwise_repeatable: { type: 'boolean' },
      },
      required: ['tf32', 'deterministic', 'cudnn_benchmark', 'bitwise_repeatable'],
      additionalProperties: false,
    },
    onnx: hash,
  },
  required: ['factory', 'weights', 'parameters', 'torch', 'python', 'device', 'dtype', 'flags'],
  additionalProperties: false,
} as const

export const outputKinds = [
  'metric-depth',
  'inverse-depth',
  'canonical-inverse-depth',
  'relative-depth',
  'relative-inverse-depth',
  'fov',
] as const

/** The single definition of manifest.json. Published as depthgate/schema/manifest.schema.json. */
export const manifestSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:depthgate:manifest:1',
  title: 'depthgate golden manifest',
  type: 'object',
  properties: {
    $schema: { type: 'string', format: 'uri-reference' },
    schemaVersion: { const: 1 },
    model: name,
    input: {
      type: 'object',
      properties: { color: { const: 'rgb' }, layout: { const: 'nchw' }, mean: triple, std: triple },
      required: ['color', 'layout', 'mean', 'std'],
      additionalProperties: false,
    },
    outputs: {
      type: 'object',
      propertyNames: name,
      additionalProperties: {
        type: 'object',
        properties: { kind: { enum: outputKinds }, derived: { const: true } },
        required: ['kind'],
        additionalProperties: false,
      },
      minProperties: 1,
    },
    capture: captureRecord,
    scenes: { type: 'object', propertyNames: sceneName, additionalProperties: sceneRecord },
  },
  required: ['schemaVersion', 'model', 'input', 'outputs', 'scenes'],
  additionalProperties: false,
} as const
