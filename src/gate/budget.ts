import { validated } from '../base/validate.ts'
import type { Fingerprint, Precision } from '../engines/engine.ts'
import type { Timing } from '../engines/statistics.ts'
import { budgetSchema } from './budget-schema.ts'
import { figure } from './figure.ts'
import { bestTiming, type Times } from './times.ts'

/** A latency, inclusive: milliseconds, or `'40 ms'`. `false` takes a wider limit away. */
export type LatencyLimit = number | `${number} ms` | false
/** A size, inclusive: MiB and GiB are powers of 1024, MB and GB of 1000. */
export type MemoryLimit = `${number} ${'MB' | 'GB' | 'MiB' | 'GiB'}` | false

/** What an engine may take. Latencies are those of the faster of plain enqueue and CUDA graph. */
export interface Budget {
  /** Median of single inferences. */
  median?: LatencyLimit
  /** 95 of 100 inferences take no longer. */
  p95?: LatencyLimit
  /** How many times as fast as PyTorch in FP32 on the same GPU, at least, by the medians. */
  speedup?: number | false
  /** What the GPU loses when the network is loaded: weights, and what an inference needs. */
  deviceMemory?: MemoryLimit
}

/** Limits for every precision, and over them those of one. */
export type BudgetByPrecision = Budget & { [precision in Precision]?: Budget }

/** Limits for every engine, and over them those of one, by its name in the config. */
export interface ModelBudget extends BudgetByPrecision {
  engines?: { [engine: string]: BudgetByPrecision }
}

export type BudgetName = keyof Budget
const names: readonly BudgetName[] = ['median', 'p95', 'speedup', 'deviceMemory']

interface Held {
  name: BudgetName
  /** In milliseconds, times or bytes. */
  limit: number
  /** As the config says it. */
  stated: string
}

/** One limit and what became of it. A figure that cannot be believed keeps nothing and breaks nothing. */
export type BudgetFinding = Held &
  (
    | { type: 'kept' | 'broken'; value: number; doubts: readonly string[] }
    | { type: 'not judged'; value?: number; reason: string }
  )

/** `not judged`: no limit is broken, but of one or more nothing is known. It is no pass. */
export interface BudgetVerdict {
  outcome: 'kept' | 'broken' | 'not judged'
  findings: BudgetFinding[]
}

/** What was measured of an engine, or of PyTorch. */
export interface Measured extends Times {
  fingerprint: Fingerprint
  deviceBytes?: number
}

/** Limits given at a call; unknown names and bad values are refused. `from` names the place. */
export function checkedBudget(budget: unknown, from: string): Budget {
  return validated<Budget>(budgetSchema, budget, from, 'budget')
}

/** The limits in force: the model's, its precision's, its engine's, that engine's precision's, then those of the call. */
export function budgetFor(
  budget: ModelBudget = {},
  precision: Precision,
  engine: string,
  call: Budget = {},
): Budget {
  const own = Object.hasOwn(budget.engines ?? {}, engine) ? budget.engines![engine]! : {}
  const inForce: Budget = {}
  for (const limits of [budget, budget[precision], own, own[precision], call])
    for (const name of names)
      if (limits?.[name] !== undefined) Object.assign(inForce, { [name]: limits[name] })
  for (const name of names) if (inForce[name] === false) delete inForce[name]
  return inForce
}

/**
 * Holds what was measured against a budget. `reference` is PyTorch in FP32, `undefined` where it was not timed. Pure.
 * A figure that is not steady is judged only where its noise cannot matter: kept where the slowest in a hundred (p99) keep
 * the limit, broken where the fastest breaks it.
 * @returns undefined where no limit is set
 */
export function judgeBudget(
  budget: Budget,
  measured: Measured,
  reference: Measured | undefined,
): BudgetVerdict | undefined {
  return verdictOf(
    held(budget).map((limit): BudgetFinding => {
      const found = figureOf(limit.name, measured, reference)
      if ('missing' in found) {
        const { missing: reason, ...rest } = found
        return { ...limit, type: 'not judged', ...rest, reason }
      }
      const { value, worst, best, doubts } = found
      const keeps = (figure: number) =>
        limit.name === 'speedup' ? figure >= limit.limit : figure <= limit.limit
      if (doubts.length === 0 || keeps(worst) === keeps(best))
        return { ...limit, type: keeps(value) ? 'kept' : 'broken', value, doubts }
      return {
        ...limit,
        type: 'not judged',
        value,
        reason: `not steady (${doubts.join('; ')}), and the limit lies between the fastest and p99. Measure longer, on a machine that does nothing else`,
      }
    }),
  )
}

/** The verdict on what could not be measured at all. */
export function unmeasuredBudget(budget: Budget): BudgetVerdict | undefined {
  return verdictOf(
    held(budget).map(limit => ({ ...limit, type: 'not judged', reason: 'it could not be measured' })),
  )
}

function verdictOf(findings: BudgetFinding[]): BudgetVerdict | undefined {
  if (findings.length === 0) return undefined
  const worst = (['broken', 'not judged'] as const).find(type => findings.some(found => found.type === type))
  return { outcome: worst ?? 'kept', findings }
}

/** A unit of memory in bytes. */
export const bytesOf: Readonly<Record<string, number>> = { MB: 1e6, GB: 1e9, MiB: 2 ** 20, GiB: 2 ** 30 }

function held(budget: Budget): Held[] {
  return names.flatMap(name => {
    const stated = budget[name]
    if (stated === undefined || stated === false) return []
    const [amount = '', unit = ''] = String(stated).split(' ')
    return { name, limit: Number(amount) * (bytesOf[unit] ?? 1), stated: String(stated) }
  })
}

type Figure =
  | { value: number; worst: number; best: number; doubts: readonly string[] }
  | { value?: number; missing: string }

function figureOf(name: BudgetName, measured: Measured, reference: Measured | undefined): Figure {
  if (name === 'deviceMemory') return memoryOf(measured)
  const timing = bestTiming(measured)
  const { arithmetic, precision, device } = measured.fingerprint
  if (arithmetic === 'emulated')
    return {
      missing: `${precision} is emulated here, so its time says nothing of kernels that compute in it`,
    }
  if (name !== 'speedup') {
    if (timing.hostBound) return { value: timing[name], missing: hostBound('it', timing) }
    return { value: timing[name], worst: timing.p99, best: timing.min, doubts: timing.unstable }
  }
  if (!reference) return { missing: 'PyTorch in FP32 was not timed beside it' }
  if (reference.fingerprint.device !== device)
    return { missing: `PyTorch was timed on ${reference.fingerprint.device}, this on ${device}` }
  const theirs = bestTiming(reference)
  const value = theirs.median / timing.median
  if (timing.hostBound) return { value, missing: hostBound('it', timing) }
  if (theirs.hostBound) return { value, missing: hostBound('PyTorch', theirs) }
  return {
    value,
    worst: theirs.min / timing.p99,
    best: theirs.p99 / timing.min,
    doubts: [...timing.unstable, ...theirs.unstable.map(reason => `PyTorch: ${reason}`)],
  }
}

function hostBound(who: string, { host, median }: Timing): string {
  return `${who} is bound by the host, which takes ${figure(host)} of ${figure(median)} ms to enqueue. Idle the host, or run it as a CUDA graph`
}

function memoryOf({ deviceBytes, fingerprint: { engine, provider } }: Measured): Figure {
  // 0 is what a GPU seems to lose where another process gives memory back meanwhile
  if (!deviceBytes) return { missing: `${engine} with provider ${provider} does not tell what it takes` }
  return { value: deviceBytes, worst: deviceBytes, best: deviceBytes, doubts: [] }
}
