import type { TapProgress } from '../engines/onnxruntime/tap.ts'
import type { Worst } from '../explain/evaluator.ts'
import { figure } from '../gate/figure.ts'

/** One line that tells how a search goes; on a terminal it replaces itself, elsewhere it is left out. */
export function trialLine(stream: NodeJS.WriteStream): {
  show(worst: Worst, run: number): void
  tensors(progress: TapProgress): void
  hide(): void
} {
  const started = performance.now()
  const write = (text: string) => {
    if (stream.isTTY) stream.write(`\r\u001b[2K${text.slice(0, (stream.columns ?? 80) - 1)}`)
  }
  return {
    show: (worst, run) => write(`trial ${run}: ${worstText(worst)}`),
    tensors: progress => write(tensorsText(progress, (performance.now() - started) / 1000)),
    hide: () => write(''),
  }
}

/** "tensors: 3.1 of 450 GB, 27 minutes left" */
export function tensorsText({ done, all }: TapProgress, seconds: number): string {
  const gigabytes = (bytes: number) => Number((bytes / 1e9).toPrecision(2))
  const left = (seconds * (all - done)) / done
  const time = left < 90 ? `${Math.ceil(left)} seconds` : `${Math.round(left / 60)} minutes`
  return `tensors: ${gigabytes(done)} of ${gigabytes(all)} GB, ${time} left`
}

/** "340 % of depth absRel on kitchen" */
export function worstText({ used, limit, scene }: Worst): string {
  return `${percent(used)} of ${limit} on ${scene}`
}

/** A share of a limit for people. */
export function percent(share: number): string {
  return `${figure(Number((share * 100).toPrecision(3)))} %`
}
