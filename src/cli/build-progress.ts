import { basename } from 'node:path'
import { isWatched } from '../base/ci.ts'
import { type BuildProgress, builds } from '../engines/tensorrt/build-progress.ts'

/**
 * Shows on standard error what TensorRT builds: on a terminal one line that changes, else a line now and then.
 * @param after called when a build has ended, for whoever had the last line of the terminal before
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
    process.stderr.write(live ? `\r\x1b[K${shown}${ends ? '\n' : ''}` : `${shown}\n`)
    if (ends) after()
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
