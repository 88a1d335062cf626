import { quantizedFormats } from '../precision/quantized-weight.ts'
import { roundedFormats } from '../precision/round.ts'

/** Raised when a reader of this version could misread what is written. */
export const planVersion = 1

const text = { type: 'string', minLength: 1 } as const
/** JSON has no infinity. */
const share = { anyOf: [{ type: 'number', minimum: 0 }, { const: 'Infinity' }] } as const
const worst = {
  type: 'object',
  properties: {
    used: share,
    limit: text,
    scene: text,
    latency: { type: 'number', minimum: 0, description: 'median of an inference, in milliseconds' },
  },
  required: ['used', 'limit', 'scene'],
  additionalProperties: false,
} as const

/** The single definition of precision-plan.json. Published as depthgate/schema/precision-plan.schema.json. */
export const precisionPlanSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:depthgate:precision-plan:${planVersion}`,
  title: 'depthgate precision plan',
  type: 'object',
  properties: {
    $schema: { type: 'string', format: 'uri-reference' },
    schemaVersion: { const: planVersion },
    model: text,
    onnx: { type: 'string', pattern: '^[0-9a-f]{64}$', description: 'SHA-256 of the FP32 ONNX' },
    precision: { enum: [...roundedFormats, ...quantizedFormats] },
    recipe: { type: 'object', description: 'what the nodes are kept on top of' },
    made: {
      type: 'object',
      properties: {
        engine: text,
        arithmetic: { enum: ['native', 'emulated'] },
        scenes: { type: 'array', items: text, minItems: 1 },
        margin: { type: 'number', minimum: 0, exclusiveMaximum: 1 },
        within: { type: 'object' },
        trials: { type: 'integer', minimum: 0 },
        guide: text,
        builds: { type: 'integer', minimum: 0 },
      },
      required: ['engine', 'arithmetic', 'scenes', 'margin', 'trials'],
      additionalProperties: false,
    },
    before: worst,
    after: worst,
    fp32: worst,
    cost: { type: 'number', minimum: 0, description: 'of what all nodes in FP32 cost; 0 to 1' },
    nodes: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          place: { type: 'string', pattern: '^[0-9]+$' },
          name: { type: 'string' },
          operator: text,
          writes: text,
          in: { enum: ['fp32', 'fp32 sums', ...roundedFormats] },
          reason: text,
        },
        required: ['place', 'operator', 'writes', 'in', 'reason'],
        additionalProperties: false,
      },
    },
  },
  required: ['schemaVersion', 'model', 'onnx', 'precision', 'recipe', 'before', 'after', 'nodes'],
  additionalProperties: false,
} as const
