import { releaseEngines } from '../engines/pool.ts'
import { stopped } from '../gate/lanes.ts'

/** What the shell expects of a process that a signal stopped: 128 and the signal's number. */
const codes = { SIGINT: 130, SIGTERM: 143 } as const

/** Aborts on the first Ctrl-C or SIGTERM, so that what was run can be told; the second one ends the process at once. */
export function stopOnSignal(kept = 'what was run is reported as partial'): {
  signal: AbortSignal
  readonly exitCode: number | undefined
} {
  const controller = new AbortController()
  let exitCode: number | undefined
  for (const [name, code] of Object.entries(codes))
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(code)
      exitCode = code
      console.error(`\nstopping: ${kept}. Again to stop at once`)
      controller.abort()
    })
  return {
    signal: controller.signal,
    /** Set once a signal came. */
    get exitCode() {
      return exitCode
    },
  }
}

/** What a search comes to; undefined once a signal came. What is under way then, such as a build, ends with this process. */
export async function unlessStopped<Result>(
  signal: AbortSignal,
  search: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await Promise.race([search(), stopped(signal)])
  } catch (thrown) {
    // Ctrl-C reaches programs that are run too
    if (signal.aborted) return undefined
    throw thrown
  } finally {
    // an engine that is still at work cannot be released
    if (!signal.aborted) await releaseEngines()
  }
}
