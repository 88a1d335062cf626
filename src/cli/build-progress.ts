import { basename } from 'node:path'
import { type BuildProgress, builds } from '../engines/tensorrt/build-progress.ts'

/** Shows on standard error what TensorRT builds: on a terminal one line that changes, else a line now and then. */
export function showBuilds(): void {
  const live = process.stderr.isTTY
  let last = Number.NEGATIVE_INFINITY
  builds.on('progress', progress => {
    const ends = progress.state === 'built' || progress.state === 'failed'
    const now = performance.now()
    if (!ends && now - last < (live ? 200 : 15_000)) return
    last = ends ? Number.NEGATIVE_INFINITY : now
    const line = textOf(progress)
    process.stderr.write(live ? `\r\x1b[K${line}${ends ? '\n' : ''}` : `${line}\n`)
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
