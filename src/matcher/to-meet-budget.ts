import { DepthgateError } from '../base/errors.ts'
import { type Budget, budgetFor, checkedBudget, judgeBudget } from '../gate/budget.ts'
import { findModel, loadConfig } from '../gate/config.ts'
import { isTimed } from '../gate/time.ts'
import { budgetText } from '../report/budget-text.ts'
import { type CallState, refuseMisuse, refusePromise } from './misuse.ts'

/**
 * `expect(await time('pocket', { precision: 'fp16' })).toMeetBudget()`. Synchronous, so that a forgotten `await` cannot let
 * a test pass. A limit that could not be judged fails as one that is broken does.
 */
export function toMeetBudget(
  this: CallState,
  received: unknown,
  limits: Budget = {},
): { pass: boolean; message: () => string } {
  refuseMisuse(this, {
    name: 'toMeetBudget',
    call: 'expect(timed).toMeetBudget()',
    poll: 'asked often enough, noise would let it pass',
    not: 'an engine that must be slow is no requirement',
  })
  refusePromise(received, 'toMeetBudget', 'time')
  if (!isTimed(received))
    throw new DepthgateError(
      'matcher',
      'toMeetBudget takes what time() returns: expect(await time(model, { precision })).toMeetBudget()',
    )
  const { model, precision, engine, pytorch } = received
  const config = loadConfig()
  const budget = budgetFor(
    findModel(config, model).config.budget,
    precision,
    engine,
    checkedBudget(limits, 'toMeetBudget'),
  )
  const verdict = judgeBudget(budget, received, pytorch)
  if (!verdict)
    throw new DepthgateError(
      'matcher',
      `toMeetBudget: no limit is set for ${model} at ${precision} on ${engine}, so anything would pass. Set \`budget\` of the model in ${config.file}, or give limits: toMeetBudget({ median: '40 ms' })`,
    )
  return { pass: verdict.outcome === 'kept', message: () => budgetText(received, verdict) }
}
