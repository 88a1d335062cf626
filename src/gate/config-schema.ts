import { segment } from '../base/names.ts'
import { precisions } from '../engines/engine.ts'
import { engineSchema } from '../engines/settings-schema.ts'
import { calibrationMethods } from '../precision/calibration.ts'
import { quantizedOperators } from '../precision/quantize-plan.ts'
import { rests } from '../precision/quantized-weight.ts'
import { modelBudgetSchema } from './budget-schema.ts'
import { limitNames, takesPercent } from './tolerance.ts'

const text = { type: 'string', minLength: 1 } as const
const number = { type: 'number', minimum: 0 } as const
const share = { type: 'number', minimum: 0, maximum: 1 } as const
const percent = { type: 'string', pattern: '^\\d+(\\.\\d+)?(e-?\\d+)?%$' } as const
const off = { const: false } as const

const limit = { anyOf: [number, off], description: 'a number from 0, or false to set no limit' } as const
const scaledLimit = {
  anyOf: [number, percent, off],
  description: "a number from 0, a percentage of the golden's mean such as '0.5%', or false to set no limit",
} as const

export const toleranceSchema = {
  type: 'object',
  properties: Object.fromEntries(limitNames.map(name => [name, takesPercent(name) ? scaledLimit : limit])),
  additionalProperties: false,
} as const

const range = {
  type: 'object',
  properties: { min: number, max: number },
  additionalProperties: false,
} as const

const byPrecision = <T>(schema: T) => Object.fromEntries(precisions.map(precision => [precision, schema]))

const output = {
  type: 'object',
  properties: {
    onnx: text,
    range,
    tolerance: { type: 'object', properties: byPrecision(toleranceSchema), additionalProperties: false },
  },
  additionalProperties: false,
} as const

/** Names of nodes, or patterns: a RegExp is an object. */
const patterns = { type: 'array', items: { type: ['string', 'object'] } } as const
const accumulate = {
  anyOf: [
    { enum: ['engine', 'fp32', 'fp16'] },
    {
      type: 'object',
      properties: { fp32: patterns, rest: { const: 'fp16' } },
      required: ['fp32'],
      additionalProperties: false,
    },
  ],
  description: "'engine', 'fp32', 'fp16' or { fp32: [nodes] }",
} as const

const reducedRecipe = {
  type: ['object', 'string'],
  minLength: 1,
  properties: {
    keep: patterns,
    accumulate,
    flushTiny: { type: 'boolean' },
  },
  additionalProperties: false,
} as const

const quantizedRecipe = {
  type: ['object', 'string'],
  minLength: 1,
  properties: {
    operators: { type: 'array', items: { enum: quantizedOperators }, minItems: 1, uniqueItems: true },
    rest: { enum: rests },
    keep: patterns,
    keepFp32: patterns,
    accumulate,
    keepFirst: { type: 'boolean' },
    keepLast: { type: 'boolean' },
    attention: { type: 'boolean' },
    residual: { type: 'boolean' },
    calibration: {
      type: 'object',
      properties: {
        method: { enum: calibrationMethods },
        percentile: { type: 'number', exclusiveMinimum: 0, maximum: 100 },
        scenes: { type: 'array', items: text },
      },
      additionalProperties: false,
    },
    // JSON Schema has no word for a function: what is none of its types
    calibrator: {
      anyOf: [{ not: { type: ['array', 'boolean', 'null', 'number', 'object', 'string'] } }],
      description: 'a function (tensor, histogram) => range',
    },
  },
  additionalProperties: false,
} as const

/** The single definition of depthgate.config. Published as depthgate/schema/config.schema.json. */
export const configSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:depthgate:config:1',
  title: 'depthgate.config',
  type: 'object',
  properties: {
    $schema: { type: 'string', format: 'uri-reference' },
    failures: text,
    engines: {
      type: 'object',
      propertyNames: { type: 'string', pattern: `^${segment}$` },
      minProperties: 1,
      additionalProperties: engineSchema,
    },
    baseline: {
      type: 'object',
      properties: {
        margin: {
          type: 'object',
          properties: { relative: number, ofLimit: number },
          additionalProperties: false,
        },
        anyCpu: { type: 'boolean' },
      },
      additionalProperties: false,
    },
    models: {
      type: 'object',
      propertyNames: { type: 'string', pattern: `^${segment}$` },
      minProperties: 1,
      additionalProperties: {
        type: 'object',
        properties: {
          onnx: {
            anyOf: [
              text,
              {
                type: 'object',
                properties: byPrecision(text),
                additionalProperties: false,
                minProperties: 1,
              },
            ],
          },
          golden: text,
          input: text,
          ignoreOutputs: { type: 'array', items: text },
          outputs: { type: 'object', additionalProperties: output },
          engines: { type: 'array', items: text, minItems: 1, uniqueItems: true },
          fusion: { enum: ['on', 'off'] },
          recipes: {
            type: 'object',
            properties: {
              fp16: reducedRecipe,
              bf16: reducedRecipe,
              int8: quantizedRecipe,
              fp8: quantizedRecipe,
            },
            additionalProperties: false,
          },
          precisions: { type: 'array', items: { enum: precisions }, minItems: 1, uniqueItems: true },
          truth: {
            type: 'object',
            properties: { file: text, output: text, range, keeps: share },
            required: ['file'],
            additionalProperties: false,
          },
          budget: modelBudgetSchema,
        },
        required: ['onnx'],
        additionalProperties: false,
      },
    },
  },
  required: ['models'],
  additionalProperties: false,
} as const
