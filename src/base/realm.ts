import { DepthgateError } from './errors.ts'

/**
 * Vitest's vm pools run tests with other built-ins than Node's own: ONNX Runtime then refuses their arrays, and jiti
 * cannot load a config. Throws there, with the way out.
 */
export function checkRealm(): void {
  // Node's own modules make their arrays in the realm that native code knows
  // biome-ignore lint/suspicious/useIsArray: Array.isArray says yes to an array of any realm
  if (process.hrtime() instanceof Array) return
  throw new DepthgateError(
    'realm',
    "depthgate cannot run in Vitest's vmThreads and vmForks pools, whose arrays ONNX Runtime does not take. Set `pool: 'forks'` (the default) in vitest.config.ts",
  )
}
