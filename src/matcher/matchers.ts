import type { MatchArguments } from './to-match-golden.ts'

interface GoldenMatchers {
  /**
   * Holds what `infer()` returned against the PyTorch golden of its scene, within the tolerance of its precision.
   * A plain array needs the golden's name: `toMatchGolden('pocket/kitchen')`.
   */
  toMatchGolden: (...args: MatchArguments) => void
}

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: the type parameter must be the one that Vitest declares
  interface Matchers<T = any> extends GoldenMatchers {}
  interface ProvidedContext {
    /** Set by `depthgate/reporter`: the matcher keeps the maps that it judges. */
    depthgateMaps?: boolean
  }
}
