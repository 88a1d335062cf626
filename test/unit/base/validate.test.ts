import { Ajv2020 } from 'ajv/dist/2020.js'
import { globSync } from 'tinyglobby'
import { describe, expect, test } from 'vitest'
import { repo } from '../../helpers/files.ts'

const files = globSync('src/**/*-schema.ts', { cwd: repo, absolute: true })
const modules = await Promise.all(files.map(file => import(file) as Promise<Record<string, object>>))
const schemas = modules.flatMap(module => Object.entries(module)).filter(([name]) => /schema$/i.test(name))

// `validated` leaves this out, for time
describe("fits JSON Schema's own schema", () => {
  test('all that are validated by are looked at', () => {
    expect(schemas.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'configSchema',
        'manifestSchema',
        'runSchema',
        'baselineSchema',
        'precisionPlanSchema',
      ]),
    )
  })

  test.each(schemas)('%s', (_name, schema) => {
    const ajv = new Ajv2020()
    ajv.validateSchema(schema)
    expect(ajv.errors).toBeNull()
  })

  test('which would see a slip', () => {
    expect(new Ajv2020().validateSchema({ type: 'strin' })).toBe(false)
  })
})
