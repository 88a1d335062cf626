import { Ajv2020, type AnySchemaObject, type ErrorObject } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { DepthgateError } from './errors.ts'
import { didYouMean, nearName } from './names.ts'

// compiling is a third of what a short command takes: a test holds our schemas against JSON Schema's own, and
// optimised code costs more to make than a file to check by the plain one
const ajv = new Ajv2020({
  ...{ allErrors: true, strict: true, verbose: true, allowUnionTypes: true },
  ...{ validateSchema: false, code: { optimize: false } },
})
addFormats.default(ajv)

/** Returns `data` as T where it fits `schema`; else throws one error that lists every fault with its place. */
export function validated<T>(schema: AnySchemaObject, data: unknown, file: string, code: string): T {
  // kept by ajv, by the schema itself
  const validate = ajv.compile(schema)
  if (validate(data)) return data as T
  const faults = relevant(validate.errors ?? []).map(error => `  ${placeOf(error)}: ${phrase(error)}`)
  throw new DepthgateError(code, `${file}: does not fit its schema\n${[...new Set(faults)].join('\n')}`)
}

/**
 * Of an `anyOf` that failed, ajv reports every branch. Where the schema says in words what is expected, those stand for
 * all of them; else the branch that came nearest, with the fewest faults, is told.
 */
function relevant(errors: readonly ErrorObject[]): ErrorObject[] {
  const dropped = new Set<ErrorObject>()
  for (const error of errors) {
    // the fault itself is reported beside these
    if (error.keyword === 'propertyNames' || error.keyword === 'if') dropped.add(error)
    if (error.keyword !== 'anyOf') continue
    const branches = new Map<string, ErrorObject[]>()
    for (const other of errors) {
      if (
        !other.schemaPath.startsWith(`${error.schemaPath}/`) ||
        !other.instancePath.startsWith(error.instancePath)
      )
        continue
      const branch = other.schemaPath.slice(error.schemaPath.length + 1).split('/')[0]!
      branches.set(branch, [...(branches.get(branch) ?? []), other])
    }
    const told = error.parentSchema?.description
      ? [error]
      : [...branches.values()].reduce((a, b) => (distance(b, error) < distance(a, error) ? b : a))
    for (const other of [error, ...[...branches.values()].flat()])
      if (!told.includes(other)) dropped.add(other)
  }
  return errors.filter(error => !dropped.has(error))
}

/** How far data is from a branch of an `anyOf`: its faults; where the branch is of another type, or a key `type` says so, far. */
function distance(faults: readonly ErrorObject[], { instancePath }: ErrorObject): number {
  const other = faults.some(
    fault =>
      (fault.instancePath === instancePath && fault.keyword === 'type') ||
      (fault.instancePath === `${instancePath}/type` && ['const', 'enum'].includes(fault.keyword)),
  )
  return other ? Number.POSITIVE_INFINITY : faults.length
}

function placeOf({ instancePath }: ErrorObject): string {
  return instancePath.slice(1).replaceAll('/', '.').replaceAll('~1', '/').replaceAll('~0', '~') || '(top)'
}

function phrase({ keyword, params, message, parentSchema, data, propertyName }: ErrorObject): string {
  const given = JSON.stringify(data) ?? String(data)
  if (propertyName !== undefined)
    return `${JSON.stringify(propertyName)} is not a name that can stand here; ${message}`
  switch (keyword) {
    case 'additionalProperties':
      return `${JSON.stringify(params.additionalProperty)} is unknown here${didYouMean(params.additionalProperty, Object.keys(parentSchema?.properties ?? {}))}`
    case 'required':
      return `lacks ${JSON.stringify(params.missingProperty)}`
    case 'enum': {
      const near = typeof data === 'string' ? nearName(data, params.allowedValues) : undefined
      return `is ${given}, expected one of ${params.allowedValues.join(', ')}${near ? `; did you mean ${JSON.stringify(near)}?` : ''}`
    }
    case 'const':
      return `is ${given}, expected ${JSON.stringify(params.allowedValue)}`
    case 'anyOf':
      return `is ${given}, expected ${parentSchema?.description}`
    default:
      return `${given} ${message}`
  }
}
