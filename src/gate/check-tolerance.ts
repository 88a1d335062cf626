import { validated } from '../base/validate.ts'
import { toleranceSchema } from './config-schema.ts'
import type { Tolerance } from './tolerance.ts'

/** A tolerance given at a call or on the command line; unknown names and bad limits are refused. `from` names the place. */
export function checkedTolerance(tolerance: unknown, from: string): Tolerance {
  return validated<Tolerance>(toleranceSchema, tolerance, from, 'tolerance')
}
