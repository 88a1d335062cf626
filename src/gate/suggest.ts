import { makeTemporary, removeTemporary } from '../base/temporary.ts'
import { releaseEngines, withEngine } from '../engines/pool.ts'
import { catalogue } from '../metrics/index.ts'
import { inferOn, requestFor } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import type { Case } from './plan.ts'
import { type Limit, type LimitName, toleranceFor } from './tolerance.ts'
import type { LimitResult, Verdict } from './verdict.ts'

/** A limit as a config says it, which holds something. */
type HeldLimit = Exclude<Limit, false>

/** A limit that would hold what was measured, beside the one in force. */
export interface Suggestion {
  model: string
  engine: string
  precision: Case['precision']
  output: string
  metric: LimitName
  /** As the config, or the default, says it: a number, or a share of the golden's mean such as `'2%'`. */
  inForce: HeldLimit
  /** As the config would say it. */
  proposed: HeldLimit
  /** The largest loss over all scenes and runs, in the limit's own terms, and where it was. */
  worst: number
  scene: string
  /** The most that one scene's loss varied between runs: the noise floor. */
  noise: number
  /** What set the proposal: the worst scene, or the least that other machines need. */
  set: 'measured' | 'floor'
  /** Whether the limit in force already breaks. */
  breaks: boolean
}

/** What `suggest` measures by: times the worst loss, times the noise, and at least this share of the default limit. */
export const headroom = { worst: 1.5, noise: 3, ofDefault: 0.01 } as const

/** One metric of one scene in one run. */
export interface Sample {
  case: Case
  output: string
  limit: LimitResult
  /** Which of the runs. */
  run: number
}

/** An output that cannot have a limit proposed, because it could not be compared or is not finite. */
export interface Unmeasured {
  case: Case
  reason: string
}

/**
 * Runs every case `runs` times and gives every metric that has a limit. Each run after the first loads its engines anew
 * out of an empty cache, so that TensorRT builds its plans again and may pick other kernels.
 */
export async function sampleRuns(
  cases: readonly Case[],
  runs: number,
): Promise<{ samples: Sample[]; unmeasured: Unmeasured[] }> {
  const samples: Sample[] = []
  const unmeasured: Unmeasured[] = []
  for (let run = 0; run < runs; run++) {
    const cache = run === 0 ? undefined : makeTemporary('rerun')
    try {
      for (const item of cases) {
        const { verdict } = judgeInference(item.model, await inferAnew(item, cache))
        samples.push(...samplesOf(item, verdict, run))
        if (run === 0) unmeasured.push(...unmeasuredOf(item, verdict))
      }
    } finally {
      await releaseEngines()
      if (cache !== undefined) removeTemporary(cache)
    }
  }
  return { samples, unmeasured }
}

async function inferAnew({ model, scene, precision, engine }: Case, cache: string | undefined) {
  const { request } = await requestFor(model, { scene, precision, engine })
  return withEngine({ ...request, ...(cache !== undefined && { cache }) }, loaded =>
    inferOn(model, scene, loaded, { engine, source: request.onnx }),
  )
}

function samplesOf(item: Case, { outputs }: Verdict, run: number): Sample[] {
  return outputs.flatMap(output =>
    output.type === 'incomparable' || (output.type === 'map' && output.counts.actualNonFinite > 0)
      ? []
      : output.limits.map(limit => ({ case: item, output: output.output, limit, run })),
  )
}

function unmeasuredOf(item: Case, { outputs }: Verdict): Unmeasured[] {
  return outputs
    .filter(
      output =>
        output.type === 'incomparable' || (output.type === 'map' && output.counts.actualNonFinite > 0),
    )
    .map(({ output, reason }) => ({ case: item, reason: `${output}: ${reason}` }))
}

/** Proposes a limit for every metric that was sampled. Pure. */
export function suggest(samples: readonly Sample[]): Suggestion[] {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    const { model, engine, precision } = sample.case
    const key = JSON.stringify([model.name, engine, precision, sample.output, sample.limit.name])
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return [...groups.values()].map(suggestion)
}

function suggestion(group: readonly Sample[]): Suggestion {
  const [{ case: first, output, limit }] = group as [Sample, ...Sample[]]
  const byScene = new Map<string, number[]>()
  for (const sample of group)
    byScene.set(sample.case.scene, [...(byScene.get(sample.case.scene) ?? []), statedLoss(sample.limit)])
  const noise = Math.max(...[...byScene.values()].map(losses => Math.max(...losses) - Math.min(...losses)))
  const [scene, losses] = [...byScene].reduce((a, b) => (Math.max(...b[1]) > Math.max(...a[1]) ? b : a))
  const worst = Math.max(...losses)
  const floor = headroom.ofDefault * defaultLoss(first, output, limit)
  const measured = headroom.worst * worst + headroom.noise * noise
  const allowed = roundedUp(Math.max(measured, floor))
  const percent = limit.stated.endsWith('%')
  const proposed = catalogue[limit.name].better === 'higher' ? Number((1 - allowed).toPrecision(6)) : allowed
  return {
    model: first.model.name,
    engine: first.engine,
    precision: first.precision,
    output,
    metric: limit.name,
    // a limit is stated as the config has it, in text: a number comes back exactly
    inForce: percent ? (limit.stated as HeldLimit) : Number(limit.stated),
    proposed: percent ? `${proposed}%` : proposed,
    worst,
    scene,
    noise,
    set: measured >= floor ? 'measured' : 'floor',
    breaks: group.some(sample => !sample.limit.pass),
  }
}

/** The loss in the limit's own terms: per cent of the golden's mean where the limit is stated so. */
function statedLoss({ name, limit, stated, value, used }: LimitResult): number {
  if (stated.endsWith('%')) return used * Number.parseFloat(stated)
  const { better } = catalogue[name]
  return limit === 0 ? value : used * (better === 'higher' ? 1 - limit : limit)
}

/** What the default allows, in the terms of the limit in force; 0 where there is no default or it has other terms. */
function defaultLoss({ model, precision }: Case, output: string, { name, stated }: LimitResult): number {
  const { kind } = model.golden.manifest.outputs[output]!
  const limit = toleranceFor(kind, precision)[name]
  if (limit === undefined || limit === false || String(limit).endsWith('%') !== stated.endsWith('%')) return 0
  const number = Number.parseFloat(String(limit))
  return catalogue[name].better === 'higher' ? 1 - number : number
}

/** Two digits are enough for a limit; rounded so that it holds. */
function roundedUp(value: number): number {
  if (value <= 0) return 0
  const step = 10 ** (Math.floor(Math.log10(value)) - 1)
  return Number((Math.ceil(value / step - 1e-9) * step).toPrecision(2))
}
