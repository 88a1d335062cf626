import { basename } from 'node:path'
import { isWatched } from '../base/ci.ts'
import { type BuildProgress, builds } from '../engines/tensorrt/build-progress.ts'

const clear = '\r\x1b[K'

/**
 * Shows on standard error what TensorRT builds: on a terminal one line that changes, else a line now and then; and on a
 * terminal that TensorRT starts, which takes seconds.
 * @param after called when that line has gone, or a build has ended, for whoever had the last line of the terminal before
 */
export function showBuilds(after = () => {}): void {
  const live = isWatched(process.stderr)
  let last = Number.NEGATIVE_INFINITY
  builds.on('progress', progress => {
    const ends = progress.state === 'built' || progress.state === 'failed'
    const now = performance.now()
    if (!ends && now - last < (live ? 200 : 15_000)) return
    last = ends ? Number.NEGATIVE_INFINITY : now
    const line = textOf(progress)
    // a line that wraps could not be taken away again
    const shown = live && !ends ? line.slice(0, process.stderr.columns - 1) : line
    process.stderr.write(live ? `${clear}${shown}${ends ? '\n' : ''}` : `${shown}\n`)
    if (ends) after()
  })
  if (live)
    builds.on('starting', starts => {
      process.stderr.write(starts ? `${clear}TensorRT: starting` : clear)
      if (!starts) after()
    })
}

function textOf({ onnx, precision, state, phase, done, seconds }: BuildProgress): string {
  const what = `${basename(onnx)} at ${precision}`
  const time = `${seconds.toFixed(0)} s`
  switch (state) {
    case 'waiting':
      return `TensorRT: ${what}: waiting for ${phase}, which builds it`
    case 'building':
      return `TensorRT: building ${what}: ${phase}${Number.isNaN(done) ? '' : ` ${(100 * done).toFixed(0)} %`}, ${time}`
    case 'built':
      return `TensorRT: built ${what} in ${time}`
    case 'failed':
      return `TensorRT: ${what} failed after ${time}`
  }
}
