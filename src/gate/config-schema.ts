import { segment } from '../base/names.ts'
import { precisions } from '../engines/engine.ts'
import { engineSchema } from '../engines/settings-schema.ts'
import { modelBudgetSchema } from './budget-schema.ts'
import { recipeSchemas } from './recipe-schema.ts'
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

/** The single definition of depthgate.config. Published as depthgate/schema/config.schema.json. */
export const configSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: 'urn:depthgate:config:1',
  title: 'depthgate.config',
  type: 'object',
  properties: {
    $schema: { type: 'string', format: 'uri-reference' },
    failures: text,
    cache: text,
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
          properties: { relative: number, ofLimit: number, rebuilt: number },
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
            properties: recipeSchemas,
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
