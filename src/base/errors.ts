/**
 * What a person can mend: bad input, bad configuration, a missing tool. The message names the file
 * and the way out; a failed comparison is never an error but a verdict.
 */
export class DepthgateError extends Error {
  override readonly name = 'DepthgateError'
  /** Stable word for programs: `npy`, `png`, `manifest`, `golden`, `config`, `engine`, … */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
