import { betterAjvErrors } from '@apideck/better-ajv-errors'
import { Ajv2020, type AnySchemaObject, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { DepthgateError } from './errors.ts'

const validators = new WeakMap<object, ValidateFunction>()

function validator(schema: AnySchemaObject): ValidateFunction {
  let validate = validators.get(schema)
  if (!validate) {
    const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true })
    addFormats.default(ajv)
    validate = ajv.compile(schema)
    validators.set(schema, validate)
  }
  return validate
}

/** Returns `data` as T where it fits `schema`; else throws one error that lists every fault with its place. */
export function validated<T>(schema: AnySchemaObject, data: unknown, file: string, code: string): T {
  const validate = validator(schema)
  if (validate(data)) return data as T
  const faults = betterAjvErrors({ schema: schema as never, data, errors: validate.errors ?? [] }).map(
    ({ message, suggestion, path }) =>
      `  ${path.replace('{base}', '').replace(/^\./, '') || '(top)'}: ${message.replace(/\{base\}\.?/g, '')}${suggestion ? `. ${suggestion}` : ''}`,
  )
  throw new DepthgateError(code, `${file}: does not fit its schema\n${[...new Set(faults)].join('\n')}`)
}
