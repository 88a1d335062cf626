import { expect } from 'vitest'
import { DepthgateError } from '../../src/base/errors.ts'

/** The DepthgateError that `run` throws; anything else, and nothing, fails the test. */
export function errorOf(run: () => unknown): DepthgateError {
  try {
    run()
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(DepthgateError)
    return thrown as DepthgateError
  }
  throw new Error('nothing was thrown')
}
