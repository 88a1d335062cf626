import type { Fingerprint } from '../../src/engines/engine.ts'
import { statistics, type Timing } from '../../src/engines/statistics.ts'
import { fingerprint } from './runs.ts'

const unknown = { smClock: null, memoryClock: null, temperature: null, power: null, throttled: null }

/** Statistics over these times in milliseconds; of one time, ten that are alike. */
export function timing(times: number | readonly number[], host: readonly number[] = [0.01]): Timing {
  const gpu = typeof times === 'number' ? Array<number>(10).fill(times) : [...times]
  const queued = gpu.reduce((sum, time) => sum + time, 0) / gpu.length
  return statistics({
    gpu,
    held: true,
    host: [...host],
    called: gpu,
    queued,
    before: unknown,
    after: unknown,
  })
}

/** What was measured of an engine whose inferences take these times, on a GPU that makes no graphs. */
export function measured(
  times: number | readonly number[],
  { host, deviceBytes, ...print }: Partial<Fingerprint> & { host?: number[]; deviceBytes?: number } = {},
) {
  return {
    plain: timing(times, host),
    graph: { reason: 'not tried' },
    fingerprint: { ...fingerprint, ...print },
    ...(deviceBytes !== undefined && { deviceBytes }),
  }
}
