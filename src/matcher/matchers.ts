import type { Budget } from '../gate/budget.ts'
import type { MatchArguments } from './to-match-golden.ts'

interface DepthgateMatchers {
  /**
   * Holds what `infer()` returned against the PyTorch golden of its scene, within the tolerance of its precision.
   * A plain array needs the golden's name: `toMatchGolden('pocket/kitchen')`.
   */
  toMatchGolden: (...args: MatchArguments) => void
  /**
   * Holds what `time()` returned against the budget of its model in the config; `limits` come over those.
   * A figure that is missing or cannot be believed fails as well.
   */
  toMeetBudget: (limits?: Budget) => void
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the type parameter must be the one that Vitest declares
  interface Matchers<T = any> extends DepthgateMatchers {}
  interface ProvidedContext {
    /** Set by `depthgate/reporter`: the matcher keeps the maps that it judges. */
    depthgateMaps?: boolean
  }
}
