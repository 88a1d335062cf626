import { catalogue } from '../metrics/index.ts'
import { apart, farFromOne, figure } from './figure.ts'
import type { LimitResult } from './verdict.ts'

/** A metric and its limit for people. Where the limit is broken, the figures show it. */
export function limitFigures({ name, value, limit, pass }: LimitResult): [value: string, limit: string] {
  if (pass) return [figure(value), figure(limit)]
  return catalogue[name].better === 'one' ? [farFromOne(value, limit), figure(limit)] : apart(value, limit)
}
