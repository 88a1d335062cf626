/**
 * Works through items lane by lane: within a lane one after another, of lanes at most `jobs` at once. Results come as
 * they are ready; the next item of a lane begins when its result was taken, so that a lane holds one at a time. When
 * `signal` aborts, what is under way is left behind.
 */
export async function* inLanes<T, R>(
  items: readonly T[],
  laneOf: (item: T) => string,
  jobs: number,
  work: (item: T) => Promise<R>,
  signal?: AbortSignal,
): AsyncGenerator<R> {
  const lanes = new Map<string, T[]>()
  for (const item of items) {
    const lane = laneOf(item)
    lanes.set(lane, [...(lanes.get(lane) ?? []), item])
  }
  const waiting = [...lanes.values()]
  const active = new Map<T[], Promise<{ lane: T[]; result: R }>>()
  const stop = stopped(signal)
  for (;;) {
    while (active.size < jobs && waiting.length > 0) {
      const lane = waiting.shift()!
      active.set(
        lane,
        work(lane.shift()!).then(result => ({ lane, result })),
      )
    }
    if (active.size === 0) return
    const next = await Promise.race([...active.values(), stop])
    if (next === undefined || signal?.aborted) return
    active.delete(next.lane)
    yield next.result
    // first in the queue again: a lane that has begun is finished before another begins
    if (next.lane.length > 0) waiting.unshift(next.lane)
  }
}

/** Resolves when `signal` aborts. */
export function stopped(signal: AbortSignal | undefined): Promise<undefined> {
  return new Promise(resolve => {
    if (signal?.aborted) resolve(undefined)
    signal?.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
