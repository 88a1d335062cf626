// The latency that depthgate reads off a plan beside a loop of CUDA events through PyTorch (event_loop.py): how far apart
// they are. Needs a GPU, `npm run build`, and a Python that has TensorRT and PyTorch (DEPTHGATE_PYTHON).
//   node bench/tensorrt/readout.mjs PLAN [INPUT.f32] [--seconds S] [--out FILE.json]
// Without INPUT: noise between 0 and 1.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { statistics } from '../../dist/engines/statistics.js'
import { endWorkers, workerOrError } from '../../dist/engines/tensorrt/workers.js'

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '3' }, out: { type: 'string' } },
})
const [plan, input] = positionals.map(path => resolve(path))
const python = process.env.DEPTHGATE_PYTHON ?? 'python3'
const folder = mkdtempSync(join(tmpdir(), 'depthgate-readout-'))
const { process: worker, host } = await workerOrError({ engine: 'tensorrt', python })

async function ask(message, arrays) {
  const answer = await worker.request(message, { seconds: 600, arrays })
  if (answer.type !== 'result') throw new Error(answer.message)
  return answer.facts
}

function noise(length) {
  let last = 1
  const values = Float32Array.from({ length }, () => {
    last = (48271 * last) % 2147483647
    return last / 2147483647
  })
  return new Uint8Array(values.buffer)
}

try {
  const loaded = await ask({ type: 'load', device: 0, plan })
  const [{ name, type, shape }] = loaded.inputs
  const data = input ? readFileSync(input) : noise(shape.reduce((a, b) => a * b, 1))
  const file = join(folder, 'input.f32')
  writeFileSync(file, data)
  const seconds = Number(values.seconds)
  const timings = {}
  for (const graph of [false, true])
    timings[graph ? 'graph' : 'plain'] = statistics(
      await ask(
        {
          ...{ type: 'time', session: loaded.session, fetch: [], transfers: 'none' },
          ...{ warmup: 1, seconds, graph },
        },
        [{ name, type, shape, data }],
      ),
    )
  await endWorkers()

  const rows = Object.entries(timings).map(([how, ours]) => {
    const said = execFileSync(
      python,
      [join(import.meta.dirname, 'event_loop.py'), plan, file, how, '1', values.seconds],
      { encoding: 'utf8' },
    )
    const theirs = JSON.parse(said.trim().split('\n').at(-1))
    const measure = theirs.behind ?? theirs.median
    return { how, ours, theirs, apart: Math.abs(ours.median - measure) / measure }
  })
  console.log(
    `${host.gpu}, driver ${host.driver}, TensorRT ${host.tensorrt}, ${loaded.layers} layers, median ms`,
  )
  console.log('       depthgate  PyTorch  single   apart    held  host   as called  PyTorch unheld')
  for (const { how, ours, theirs, apart } of rows)
    console.log(
      [
        how,
        ours.median.toFixed(4).padStart(10),
        (theirs.behind ?? theirs.median).toFixed(4).padStart(8),
        theirs.median.toFixed(4).padStart(8),
        `${(100 * apart).toFixed(2)} %`.padStart(7),
        (ours.held ? 'yes' : 'no').padStart(5),
        ours.host.toFixed(3).padStart(6),
        ours.called.toFixed(4).padStart(9),
        theirs.unheld.toFixed(4).padStart(9),
      ].join('  '),
    )
  if (values.out)
    writeFileSync(values.out, `${JSON.stringify({ plan: basename(plan), host, rows }, null, 1)}\n`)
  // where the host bounds enqueueing the figure is not the GPU's, and is marked so
  if (rows.some(({ ours, apart }) => !ours.hostBound && !(apart < 0.02))) process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
  await endWorkers()
}
