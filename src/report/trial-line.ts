import { isWatched } from '../base/ci.ts'
import { plural } from '../base/plural.ts'
import type { TapProgress } from '../engines/onnxruntime/tap.ts'
import type { Worst } from '../explain/evaluator.ts'
import type { Progress, TrialOptions } from '../explain/trials.ts'
import { figure } from '../gate/figure.ts'

/** One line that tells how a search goes; on a terminal it replaces itself, elsewhere it is left out. */
export function trialLine(stream: NodeJS.WriteStream): {
  trial: NonNullable<TrialOptions['onTrial']>
  /** What a network that was built for the answer came to. */
  build(worst: Worst, run: number): void
  tensors(progress: TapProgress): void
  hide(): void
  /** Once something else had the last line of the terminal. */
  again(): void
} {
  const started = performance.now()
  const shown = isWatched(stream)
  let line = ''
  const again = () => {
    if (shown) stream.write(`\r\u001b[2K${line.slice(0, (stream.columns ?? 80) - 1)}`)
  }
  const write = (text: string) => {
    line = text
    again()
  }
  return {
    trial: (worst, _, progress) => write(`${progressText(progress)}: ${worstText(worst)}`),
    build: (worst, run) => write(`build ${run}: ${worstText(worst)}`),
    tensors: progress => write(tensorsText(progress, (performance.now() - started) / 1000)),
    hide: () => write(''),
    again,
  }
}

/** "what nodes cost, trial 12 of at most 128, 7.1 s each, 14 minutes left" */
export function progressText({ done, limit, what, seconds }: Progress): string {
  const each = Number(seconds.toPrecision(2))
  // points of a frontier come on top
  if (done > limit) return `${what}, ${each} s each`
  return `${what}, trial ${done} of at most ${limit}, ${each} s each, ${leftText(seconds * (limit - done))} left`
}

/** "tensors: 3.1 of 450 GB, 27 minutes left" */
export function tensorsText({ done, all }: TapProgress, seconds: number): string {
  const gigabytes = (bytes: number) => Number((bytes / 1e9).toPrecision(2))
  const left = (seconds * (all - done)) / done
  return `tensors: ${gigabytes(done)} of ${gigabytes(all)} GB, ${leftText(left)} left`
}

function leftText(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.round(seconds / 60)} minutes`
}

/** "47 trials run on emulation, 12 known from before" */
export function trialsText({ run, remembered }: { run: number; remembered: number }, guide?: string): string {
  const on = guide === undefined ? '' : ` on ${guide}`
  return `${plural(run, 'trial')} run${on}, ${remembered} known from before`
}

/** "340 % of depth absRel on kitchen" */
export function worstText({ used, limit, scene }: Worst): string {
  return `${percent(used)} of ${limit} on ${scene}`
}

/** A share of a limit for people. */
export function percent(share: number): string {
  return `${figure(Number((share * 100).toPrecision(3)))} %`
}
