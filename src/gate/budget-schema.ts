import { precisions } from '../engines/engine.ts'

const off = { const: false } as const
const positive = { type: 'number', exclusiveMinimum: 0 } as const

const latency = {
  anyOf: [positive, { type: 'string', pattern: '^(?=.*[1-9])\\d+(\\.\\d+)? ms$' }, off],
  description: "milliseconds above 0 such as 40 or '40 ms', or false to set no limit",
} as const
const ratio = {
  anyOf: [positive, off],
  description: 'a number above 0, how many times as fast as PyTorch, or false to set no limit',
} as const
const memory = {
  anyOf: [{ type: 'string', pattern: '^(?=.*[1-9])\\d+(\\.\\d+)? [MG]i?B$' }, off],
  description: "a size with its unit such as '800 MiB' or '2 GiB', or false to set no limit",
} as const

const limits = { median: latency, p95: latency, speedup: ratio, deviceMemory: memory } as const

/** The limits of one measurement. */
export const budgetSchema = { type: 'object', properties: limits, additionalProperties: false } as const

const byPrecision = {
  ...limits,
  ...(Object.fromEntries(precisions.map(precision => [precision, budgetSchema])) as Record<
    (typeof precisions)[number],
    typeof budgetSchema
  >),
} as const

/** `budget` of a model. */
export const modelBudgetSchema = {
  type: 'object',
  properties: {
    ...byPrecision,
    engines: {
      type: 'object',
      additionalProperties: { type: 'object', properties: byPrecision, additionalProperties: false },
    },
  },
  additionalProperties: false,
} as const
