import { segment } from '../base/names.ts'
import { sceneName } from '../golden/manifest-schema.ts'
import { limitNames } from './tolerance.ts'

/** Raised when a reader of this version could misread what is written. */
export const baselineVersion = 1

const name = { type: 'string', pattern: `^${segment}$` } as const
const number = { type: 'number' } as const

/** The single definition of golden/<model>/baselines/<key>.json. Published as depthgate/schema/baseline.schema.json. */
export const baselineSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $id: `urn:depthgate:baseline:${baselineVersion}`,
  title: 'depthgate baseline',
  type: 'object',
  properties: {
    schemaVersion: { const: baselineVersion },
    environment: { type: 'object' },
    scenes: {
      type: 'object',
      propertyNames: sceneName,
      additionalProperties: {
        type: 'object',
        properties: {
          accepted: {
            type: 'object',
            properties: {
              by: { type: 'string' },
              date: { type: 'string', format: 'date-time' },
              reason: { type: 'string' },
            },
            required: ['by', 'date'],
            additionalProperties: false,
          },
          onnx: { type: 'string' },
          pixels: { type: 'string' },
          outputs: {
            type: 'object',
            propertyNames: name,
            additionalProperties: {
              type: 'object',
              properties: Object.fromEntries(limitNames.map(metric => [metric, number])),
              additionalProperties: false,
            },
          },
        },
        required: ['accepted', 'onnx', 'outputs'],
        additionalProperties: false,
      },
    },
  },
  required: ['schemaVersion', 'environment', 'scenes'],
  additionalProperties: false,
} as const
