import { DepthgateError } from '../base/errors.ts'

/** An engine has read a network, but has no kernel for it in the precisions that it is in; in others it may have. */
export class Unbuildable extends DepthgateError {
  constructor(message: string) {
    super('tensorrt', message)
  }
}

/** What an error says of that, whatever it was wrapped into since. */
export function unbuildable(thrown: unknown): Unbuildable | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof Unbuildable) return error
  return undefined
}
