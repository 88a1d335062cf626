import type { GpuState, RawTiming } from './timing.ts'

/** A latency in figures, milliseconds. */
export interface Timing {
  count: number
  min: number
  median: number
  p90: number
  p95: number
  p99: number
  mean: number
  /** Standard deviation over mean. */
  variation: number
  /** Inferences per second, one behind another. */
  throughput: number
  /** Whether the GPU waited until each was enqueued whole, so that no time of the host's is in it. */
  held: boolean
  /** What the host takes to enqueue one. */
  host: number
  /** From the call to the end of the wait: what a caller sees. */
  called: number
  /** Why the figures may not be believed; empty where they may. */
  unstable: string[]
  /** The host takes so long to enqueue that the GPU waits for it, unless it is held back. */
  hostBound: boolean
  before: GpuState
  after: GpuState
}

/** A variation above this is no figure to build on; trtexec warns at the same. */
const steady = 0.025
/** Above this share of the GPU's time the host's enqueueing is what is measured; trtexec warns at the same. */
const hostShare = 0.8
/** °C and share of MHz that may come and go between beginning and end. */
const heat = 5
const clockShare = 0.02

/** Sums up what was read off. Pure. */
export function statistics({ gpu, held, host, called, queued, before, after }: RawTiming): Timing {
  const sorted = ascending(gpu)
  const mean = gpu.reduce((sum, time) => sum + time, 0) / gpu.length
  const variation = Math.sqrt(gpu.reduce((sum, time) => sum + (time - mean) ** 2, 0) / gpu.length) / mean
  const median = quantile(sorted, 0.5)
  const hostMedian = quantile(ascending(host), 0.5)
  return {
    count: gpu.length,
    min: sorted[0]!,
    median,
    p90: quantile(sorted, 0.9),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    mean,
    variation,
    throughput: 1000 / queued,
    held,
    host: hostMedian,
    called: quantile(ascending(called), 0.5),
    unstable: unsteadiness(variation, before, after),
    hostBound: host.length > 0 && hostMedian > hostShare * median,
    before,
    after,
  }
}

function ascending(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

/** Of sorted values, between the two nearest ranks. */
function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN
  const place = share * (sorted.length - 1)
  const [low, high] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!]
  return low + (high - low) * (place - Math.floor(place))
}

function unsteadiness(variation: number, before: GpuState, after: GpuState): string[] {
  const reasons: string[] = []
  if (variation > steady) reasons.push(`varies by ${(100 * variation).toFixed(1)} %`)
  for (const [name, clock] of [
    ['SM', 'smClock'],
    ['memory', 'memoryClock'],
  ] as const) {
    const [from, to] = [before[clock], after[clock]]
    if (from !== null && to !== null && Math.abs(to - from) > clockShare * from)
      reasons.push(`the ${name} clock went from ${from} to ${to} MHz`)
  }
  const [from, to] = [before.temperature, after.temperature]
  if (from !== null && to !== null && Math.abs(to - from) > heat)
    reasons.push(`the GPU went from ${from} to ${to} °C`)
  for (const reason of new Set([...(before.throttled ?? []), ...(after.throttled ?? [])]))
    reasons.push(`clocks were held down: ${reason}`)
  return reasons
}
