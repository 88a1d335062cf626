/** Whether a machine runs this without a person to look at what it writes: CI is set, and not to a word that says no. */
export function inCi(env: NodeJS.ProcessEnv = process.env): boolean {
  return !['', '0', 'false'].includes((env.CI ?? '').toLowerCase())
}

/** Whether a person looks at what a stream shows: some CI pretends to be a terminal, and keeps every line. */
export function isWatched({ isTTY }: { isTTY?: boolean }): boolean {
  return isTTY === true && !inCi()
}

/** Whether baselines may be written: always where a person looks on; in CI only when DEPTHGATE_WRITE_IN_CI says so in words. */
export function mayWrite(env: NodeJS.ProcessEnv = process.env): boolean {
  return !inCi(env) || env.DEPTHGATE_WRITE_IN_CI === '1'
}
