import { DepthgateError } from '../base/errors.ts'

/** The part of Vitest's matcher state that says how a matcher was called. */
export interface CallState {
  isNot?: boolean
  poll?: boolean
  promise?: string
}

/** Why a matcher is not called in some way, in its own words. */
interface Words {
  name: string
  /** How it is to be written. */
  call: string
  poll: string
  not: string
}

/** Refuses calls that cannot mean anything. */
export function refuseMisuse({ isNot, poll, promise }: CallState, words: Words): void {
  const { name, call } = words
  if (poll) throw new DepthgateError('matcher', `${name} cannot be polled: ${words.poll}. Write ${call}`)
  // an assertion always has `promise`, '' where there is none; an asymmetric matcher has not
  if (promise === undefined)
    throw new DepthgateError(
      'matcher',
      `${name} cannot be used inside toEqual and the like: it would say only "not equal". Write ${call}`,
    )
  if (isNot)
    throw new DepthgateError(
      'matcher',
      `${call.replace(`.${name}`, `.not.${name}`)} is refused: ${words.not}`,
    )
}

/** A forgotten `await` is told as such. */
export function refusePromise(received: unknown, name: string, source: string): void {
  if (received instanceof Promise)
    throw new DepthgateError(
      'matcher',
      `${name} received a Promise: write \`expect(await ${source}(…)).${name}()\``,
    )
}
