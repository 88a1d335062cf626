// How fast `measure` is beside the numpy reference, and how far apart the two are, on one pair of maps.
//
//     node bench/metrics.mjs [dist folder, default ../dist] [python, default python3]

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'

const SIDE = 1536
const RUNS = 15
const here = fileURLToPath(new URL('.', import.meta.url))
const dist = resolve(process.argv[2] ?? join(here, '../dist'))
const python = process.argv[3] ?? 'python3'
const { measure } = await import(pathToFileURL(join(dist, 'metrics/index.js')).href)

const { golden, actual } = room(SIDE)
const pair = { golden, actual, width: SIDE, height: SIDE }

const folder = mkdtempSync(join(tmpdir(), 'depthgate-bench-'))
try {
  const files = [join(folder, 'golden.npy'), join(folder, 'actual.npy')]
  writeFileSync(files[0], npy(golden, SIDE))
  writeFileSync(files[1], npy(actual, SIDE))
  const one = { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', MKL_NUM_THREADS: '1' }
  const child = spawn(python, [join(here, 'metrics.py'), ...files], {
    env: { ...process.env, ...one },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const failed = new Promise((_, reject) => {
    child.on('error', reject)
  })
  failed.catch(() => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await Promise.race([lines.next(), failed])
    if (done) throw new Error(`${python} ended early`)
    return JSON.parse(value)
  }

  const expected = await answer()
  let { metrics } = measure(pair)
  for (let i = 0; i < 7; i++) measure(pair)
  // in turns, so that whatever else the machine does slows both alike
  const ours = []
  const theirs = []
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now()
    metrics = measure(pair).metrics
    ours.push(performance.now() - start)
    child.stdin.write('\n')
    theirs.push(await answer())
  }
  child.stdin.end()

  const row = (name, times) =>
    console.log(`${name} ${middle(times).toFixed(1)} ms (best ${Math.min(...times).toFixed(1)})`)
  console.log(`${SIDE}×${SIDE} float32, median of ${RUNS} runs in turns after warm-up, one thread each`)
  row('measure ', ours)
  row('numpy   ', theirs)
  console.log(`ratio    ${(middle(theirs) / middle(ours)).toFixed(1)}`)
  const apart = Object.entries(expected).map(([name, value]) => [name, distance(metrics[name], value)])
  if (apart.length !== Object.keys(metrics).length) throw new Error('The two list different metrics.')
  const [name, far] = apart.reduce((worst, next) => (next[1] > worst[1] ? next : worst))
  console.log(`largest relative disagreement ${far.toExponential(2)} (${name})`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** A room with boxes and its copy from a worse engine: depths 1…10, steps, noise of about half a percent. */
function room(side) {
  const golden = new Float32Array(side * side)
  const actual = new Float32Array(side * side)
  for (let y = 0, i = 0; y < side; y++) {
    for (let x = 0; x < side; x++, i++) {
      const box = hash((x >> 6) * 64 + (y >> 6)) / 2 ** 32
      const floor = 10 - (6 * y) / side
      golden[i] = (box < 0.4 ? floor * (0.3 + box) : floor) * (1 + (hash(2 * i) / 2 ** 32 - 0.5) / 256)
      actual[i] = golden[i] * (1.002 + (hash(2 * i + 1) / 2 ** 32 - 0.5) / 64)
    }
  }
  return { golden, actual }
}

function hash(value) {
  let h = Math.imul(value ^ (value >>> 16), 0x45d9f3b)
  h = Math.imul(h ^ (h >>> 16), 0x45d9f3b)
  return (h ^ (h >>> 16)) >>> 0
}

/** A version 1.0 .npy file of side × side float32: magic, header padded to 128 bytes, data. */
function npy(map, side) {
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': (${side}, ${side}), }`.padEnd(117)
  const start = Buffer.from('\x93NUMPY\x01\x00\x76\x00', 'latin1')
  return Buffer.concat([start, Buffer.from(`${header}\n`), Buffer.from(map.buffer)])
}

function middle(times) {
  return times.toSorted((a, b) => a - b)[times.length >> 1]
}

function distance(a, b) {
  if (Object.is(a, Number(b))) return 0
  return Math.abs(a - b) / Math.max(Math.abs(b), Number.MIN_VALUE)
}
