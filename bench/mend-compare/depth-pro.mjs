// Depth Pro at full size, whose engines models/depth-pro builds and measures.
//   node depth-pro.mjs try WORK [--only NAME …] [--seconds 240] [--guide cuda] [--trials 60]   what the tools make of it: WORK/peers
//   node depth-pro.mjs rows TABLE.json WORK/peers/peers.json OUT                     OUT/results.json, for table.mjs
// WORK is that of measure.sh, with depth_pro.onnx and golden.npz; for mend also WORK/project, which project.py makes. What is made
// there is built by: measure.sh WORK OUT SECONDS --onnx autocast=WORK/peers/autocast.onnx --onnx mend=WORK/peers/mend.onnx
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeWhole } from '../../dist/base/files.js'
import { limitsFrom } from './limits.mjs'
import { cli, engineSettings, lastWords, run, writeProject } from './project.mjs'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '240' },
    guide: { type: 'string' },
    trials: { type: 'string', default: '60' },
    python: { type: 'string', default: process.env.DEPTHGATE_PYTHON ?? 'python3' },
  },
})
/** What the rows of the table are here. */
const methods = {
  fp16: 'plain FP16',
  'fp16-sum32': 'FP32 sums',
  'fp16-sum32-tf32': 'FP32 sums, TF32 kernels allowed',
  fp32: 'FP32 throughout',
  autocast: 'AutoCast',
  'autocast-unranged': 'AutoCast, without its ranges',
  'auto-mixed': 'auto mixed precision',
  mend: 'mend',
}

const [verb, ...paths] = positionals.map((path, i) => (i === 0 ? path : resolve(path)))
if (verb === 'try') await tryAll(paths[0])
else writeRows(...paths)

async function tryAll(work) {
  const folder = join(work, 'peers')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'peers.json')
  // another process may be at other names of the same WORK
  const told = () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})
  const onnx = join(work, 'depth_pro.onnx')
  const peers = [values.python, '-W', 'ignore', join(import.meta.dirname, 'peers.py')]
  const scene = join(folder, 'scene.npz')
  const made = name => join(folder, `${name}.onnx`)
  const tries = {
    // its reference run holds every tensor of the network at once, about 190 GB
    autocast: [...peers, 'autocast', onnx, made('autocast'), scene],
    'autocast-unranged': [...peers, 'autocast', onnx, made('autocast-unranged'), 'none'],
    // no golden is asked: it must hold a network in one protobuf first
    'auto-mixed': [...peers, 'auto-mixed', onnx, made('auto-mixed'), scene, '--', 'sed', '-u', 's/.*/true/'],
    mend: [
      process.execPath,
      '--max-old-space-size=24000',
      cli,
      ...mendArguments(made('mend'), join(folder, 'plan.json')),
    ],
  }
  await run([...peers, 'scene', join(work, 'golden.npz'), scene], {
    log: join(folder, 'scene.log'),
    limit: 120,
  })
  for (const name of values.only.length > 0 ? values.only : Object.keys(tries)) {
    const known = told()[name]
    if (known && !known.failed) continue
    const log = join(folder, `${name}.log`)
    const limit = Number(values.seconds)
    const env = name === 'mend' && values.guide === 'cuda' ? { NVIDIA_TF32_OVERRIDE: '0' } : {}
    const cwd = name === 'mend' ? mendProject(work, folder) : folder
    const { code, seconds, output } = await run(tries[name], { cwd, log, limit, env })
    const failed = code === 0 ? undefined : code === null ? ended(seconds, limit) : lastWords(log)
    const { builds } =
      name === 'mend' && code !== null && output !== '' ? (JSON.parse(output).confirmation ?? {}) : {}
    const found = {
      seconds,
      failed,
      builds: (builds?.sets ?? 0) + (builds?.ends ?? 0),
      nodes: failed ? undefined : await nodesOf(peers, made(name), log),
    }
    writeWhole(file, `${JSON.stringify({ ...told(), [name]: found }, null, 1)}\n`)
    console.log(`${name}: ${failed ?? 'made'} (${seconds.toFixed(0)} s)`)
  }
}

/** A process that the system ended had no memory left. */
function ended(seconds, limit) {
  return seconds < limit - 1 ? 'ended by the system for want of memory' : `not within ${limit} s`
}

async function nodesOf(peers, onnx, log) {
  const { code, output } = await run([...peers, 'count', onnx], { log: `${log}.count`, limit: 120 })
  return code === 0 ? JSON.parse(output) : undefined
}

function mendArguments(onnx, plan) {
  const guide = values.guide === undefined ? [] : ['--guide', values.guide]
  const few = ['--scene', 'astronaut', '--trials', values.trials]
  return [
    'mend',
    'depth_pro',
    '--engine',
    'trt',
    ...guide,
    ...few,
    '--margin',
    '0',
    '--plan',
    plan,
    '-o',
    onnx,
    '--json',
  ]
}

function mendProject(work, folder) {
  const engines = { trt: engineSettings({}, { timingCache: join(folder, 'timing.cache') }) }
  if (values.guide === 'cuda') engines.cuda = { engine: 'onnxruntime', provider: 'cuda' }
  const tolerance = { fp16: limitsOf(JSON.parse(readFileSync(join(work, 'table.json'), 'utf8')).rows) }
  const model = {
    onnx: join(work, 'depth_pro.onnx'),
    golden: join(work, 'project/golden/depth_pro'),
    precisions: ['fp16'],
  }
  // of random weights inverse depth is 0 here and there, which is 10 km in metres: one such pixel is more than all others
  const depth = { range: { min: 0.1, max: 60 } }
  writeProject(folder, { depth_pro: { ...model, outputs: { inverse_depth: { tolerance }, depth } } }, engines)
  return folder
}

/** By the means over the scenes, which is what the table of Depth Pro holds. */
function limitsOf(rows) {
  return limitsFrom(rows.fp16.losses.inverse, rows['fp16-sum32'].losses.inverse)
}

function writeRows(table, tried, out) {
  const { rows, host } = JSON.parse(readFileSync(table, 'utf8'))
  const peers = existsSync(tried) ? JSON.parse(readFileSync(tried, 'utf8')) : {}
  const tolerance = limitsOf(rows)
  const all = Object.entries(methods).flatMap(([name, method]) => {
    const [row, peer] = [rows[name], peers[name]]
    if (!row?.losses) {
      const failed = peer && (peer.failed ?? 'made, but not built in the time that there was')
      return failed
        ? [{ network: 'depth_pro', method, seconds: peer.seconds, builds: peer.builds, failed }]
        : []
    }
    const { rmse, absRel } = row.losses.inverse
    return [
      {
        ...{ network: 'depth_pro', method, rmse, absRel, plain: row.plain, graph: row.graph },
        ...{
          builds: peer?.builds || 1,
          seconds: (peer?.seconds ?? 0) + row.buildSeconds,
          nodes: peer?.nodes,
          layers: row.layers,
        },
        pass: rmse <= tolerance.rmse && absRel <= tolerance.absRel,
      },
    ]
  })
  mkdirSync(out, { recursive: true })
  writeWhole(
    join(out, 'results.json'),
    `${JSON.stringify({ host, tolerances: { depth_pro: tolerance }, rows: all }, null, 1)}\n`,
  )
}
