/** What copies between host and GPU are part of a time. */
export const transfers = ['none', 'in', 'out', 'both'] as const

/** How an engine is to be timed. */
export interface TimingRequest {
  /** Seconds of inferences before the first that counts. */
  warmup: number
  /** Seconds of inferences that count; at least ten are made. */
  seconds: number
  /** In the place of `seconds`: how many. */
  iterations?: number
  /** Whether the launches are replayed as one CUDA graph. */
  graph: boolean
  transfers: (typeof transfers)[number]
}

/** Clocks and heat of a GPU at work; null where they are not known. */
export interface GpuState {
  /** MHz. */
  smClock: number | null
  memoryClock: number | null
  /** °C. */
  temperature: number | null
  /** W. */
  power: number | null
  /** What holds the clocks down. */
  throttled: string[] | null
}

const unknown: GpuState = {
  smClock: null,
  memoryClock: null,
  temperature: null,
  power: null,
  throttled: null,
}

/** Times an engine from outside: each run from its call to its result. */
export async function wallTiming(
  { warmup, seconds, iterations }: TimingRequest,
  run: () => Promise<{ milliseconds: number }>,
): Promise<RawTiming> {
  const begun = performance.now()
  do await run()
  while (performance.now() - begun < warmup * 1000)
  const start = performance.now()
  const gpu: number[] = []
  while (
    gpu.length < 10 ||
    (iterations === undefined ? performance.now() - start < seconds * 1000 : gpu.length < iterations)
  )
    gpu.push((await run()).milliseconds)
  const queued = (performance.now() - start) / gpu.length
  return { gpu, held: false, host: [], called: gpu, queued, before: unknown, after: unknown }
}

/** What was read off, in milliseconds. */
export interface RawTiming {
  /** Of each inference, between two CUDA events around it; each was waited for. Wall time where there is no GPU. */
  gpu: number[]
  /** Whether the stream was held back until each was enqueued whole: `gpu` then has no time of the host's in it. */
  held: boolean
  /** What the host took to enqueue each. */
  host: number[]
  /** Of some, from the call to the end of the wait: what a caller sees. */
  called: number[]
  /** Mean of an inference when they stand one behind another. */
  queued: number
  before: GpuState
  after: GpuState
}
