import { calibrationMethods } from '../precision/calibration.ts'
import { quantizedOperators } from '../precision/quantize-plan.ts'
import { rests } from './recipe.ts'

const text = { type: 'string', minLength: 1 } as const

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

/** A recipe by its precision, or the path of a plan that holds one. */
export const recipeSchemas = {
  fp16: reducedRecipe,
  bf16: reducedRecipe,
  int8: quantizedRecipe,
  fp8: quantizedRecipe,
} as const
