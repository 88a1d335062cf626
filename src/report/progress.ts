import type { WriteStream } from 'node:tty'
import { isWatched } from '../base/ci.ts'

/** One line at the foot of a terminal: how far, what runs, how long still. Where there is no terminal, nothing. */
export function progressLine(stream: WriteStream, names: readonly string[]) {
  const start = performance.now()
  const left = new Set(names)
  let failed = 0
  const shown = isWatched(stream)
  const write = (text: string) => {
    if (shown) stream.write(`\r\u001B[2K${text.slice(0, stream.columns - 1)}`)
  }
  return {
    show: () => {
      const [next] = left
      const done = names.length - left.size
      if (next !== undefined)
        write(progressText({ done, failed, total: names.length, next, elapsed: performance.now() - start }))
    },
    /** Takes the line away, so that others can be printed above it. */
    hide: () => write(''),
    count: (name: string, passed: boolean) => {
      left.delete(name)
      if (!passed) failed++
    },
  }
}

interface Progress {
  done: number
  failed: number
  total: number
  next: string
  /** Milliseconds so far. */
  elapsed: number
}

/** "[12/42] 1 failed · 18 s left · pocket/kitchen/fp16/cpu" */
export function progressText({ done, failed, total, next, elapsed }: Progress): string {
  const parts = [
    ...(failed > 0 ? [`${failed} failed`] : []),
    // the mean of what was run: the first case carries the loading, so nothing is said before the second
    ...(done > 1 ? [`${duration((elapsed / done) * (total - done))} left`] : []),
    next,
  ]
  return `[${done}/${total}] ${parts.join(' · ')}`
}

function duration(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000)
  if (seconds < 120) return `${seconds} s`
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`
}
