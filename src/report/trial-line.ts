import type { Worst } from '../explain/evaluator.ts'
import { figure } from '../gate/figure.ts'

/** One line that tells how a search goes; on a terminal it replaces itself, elsewhere it is left out. */
export function trialLine(stream: NodeJS.WriteStream): {
  show(worst: Worst, run: number): void
  hide(): void
} {
  const write = (text: string) => {
    if (stream.isTTY) stream.write(`\r\u001b[2K${text.slice(0, (stream.columns ?? 80) - 1)}`)
  }
  return { show: (worst, run) => write(`trial ${run}: ${worstText(worst)}`), hide: () => write('') }
}

/** "340 % of depth absRel on kitchen" */
export function worstText({ used, limit, scene }: Worst): string {
  return `${percent(used)} of ${limit} on ${scene}`
}

/** A share of a limit for people. */
export function percent(share: number): string {
  return `${figure(Number((share * 100).toPrecision(3)))} %`
}
