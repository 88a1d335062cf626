// Depth Pro at full size, whose engines models/depth-pro builds and measures.
//   node depth-pro.mjs try WORK [--only NAME …] [--seconds 240] [--guide cuda] [--trials 60]   what the tools make of it: WORK/peers
//   node depth-pro.mjs check WORK PLAN       whether an engine keeps the limits, for Polygraphy; if so, it and its row are kept
//   node depth-pro.mjs rows WORK TABLE.json OUT                                  OUT/results.json, for table.mjs
// WORK is that of measure.sh, with depth_pro.onnx, golden.npz and table.json; for mend also WORK/project, which project.py makes. The
// ONNX files made there are built by: measure.sh WORK OUT SECONDS --tf32 --onnx mend=WORK/peers/mend.onnx. TF32 kernels are allowed to
// all, since without them FP32 sums take this network more than twice as long.
import { constants, copyFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeWhole } from '../../dist/base/files.js'
import { limitsFrom } from './limits.mjs'
import { bisection, debugPrecision, layersNote } from './methods.mjs'
import { repo } from './networks.mjs'
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
const [verb, work, ...paths] = positionals.map((path, i) => (i === 0 ? path : resolve(path)))
const folder = join(work, 'peers')
const limit = Number(values.seconds)
const python = (...script) => [values.python, '-W', 'ignore', join(repo, ...script)]
const peers = python('bench/mend-compare/peers.py')
const engine = python('models/depth-pro/engine.py')

/** What the rows of the table are here. */
const methods = {
  fp16: 'plain FP16',
  'fp16-sum32': 'FP32 sums',
  'fp16-sum32-tf32': 'FP32 sums, TF32 kernels allowed',
  fp32: 'FP32 throughout',
  tf32: 'FP32 throughout, TF32 kernels allowed',
  autocast: 'AutoCast',
  'autocast-unranged': 'AutoCast, without its ranges',
  'auto-mixed': 'auto mixed precision',
  polygraphy: 'Polygraphy',
  mend: 'mend',
}
/** Each says what it took, and what it keeps in FP32 or why it failed. */
const tries = {
  mend,
  polygraphy,
  'autocast-unranged': name => convert(name, 'autocast', own(), made(name), 'none'),
  // no golden is asked: it must hold a network in one protobuf first
  'auto-mixed': name =>
    convert(name, 'auto-mixed', own(), made(name), scene(), '--', 'sed', '-u', 's/.*/true/'),
  // its reference run holds every tensor of the network at once, about 190 GB
  autocast: name => convert(name, 'autocast', own(), made(name), scene()),
}

if (verb === 'try') await tryAll()
else if (verb === 'check') process.exitCode = (await keepsLimits(paths[0])) ? 0 : 1
else writeRows(...paths)

async function tryAll() {
  mkdirSync(folder, { recursive: true })
  for (const name of values.only.length > 0 ? values.only : Object.keys(tries)) {
    const file = join(folder, `${name}.json`)
    if (existsSync(file) && !readJson(file).failed) continue
    const found = await tries[name](name)
    writeJson(file, found)
    console.log(`${name}: ${found.failed ?? 'made'} (${found.seconds.toFixed(0)} s)`)
  }
}

async function convert(name, ...command) {
  const log = logOf(name)
  const { code, seconds } = await run([...peers, ...(await Promise.all(command))], {
    cwd: folder,
    log,
    limit,
  })
  return code === 0 ? { seconds, nodes: await nodesOf(name) } : failure(code, log, seconds)
}

async function mend(name) {
  const log = logOf(name)
  const about = { cwd: mendProject(), log, limit }
  const env = values.guide === 'cuda' ? { NVIDIA_TF32_OVERRIDE: '0' } : {}
  const { code, seconds, output } = await run(mendCommand(name), { ...about, env })
  const { sets = 0, ends = 0 } =
    code !== null && output !== '' ? (JSON.parse(output).confirmation?.builds ?? {}) : {}
  const took = { builds: sets + ends }
  return code === 0
    ? { ...took, seconds, nodes: await nodesOf(name) }
    : { ...took, ...failure(code, log, seconds) }
}

/** As methods.mjs does, but judged by the means over the scenes, as all rows are. */
async function polygraphy(name) {
  const log = logOf(name)
  const check = [import.meta.filename, 'check', work, 'polygraphy_debug.engine']
  const built = { python: values.python, level: 3, tf32: true, cache: join(folder, 'polygraphy.cache') }
  const command = debugPrecision(join(work, 'depth_pro.onnx'), check, built)
  const { code, seconds, output } = await run(command, { cwd: folder, log, limit })
  const { builds, of, best } = bisection(output)
  if (!existsSync(bestPlan())) return { builds, ...failure(code, log, seconds) }
  await run([...engine, 'time', bestPlan(), ...ofRow('polygraphy')], { log: `${log}.time`, limit: 120 })
  const note = layersNote(best, of, code, limit)
  return { builds, seconds, note, nodes: { layers: { fp32: best, of } } }
}

async function keepsLimits(plan) {
  const log = join(folder, 'check.log')
  const { code } = await run([...engine, 'losses', plan, ...ofRow('checked')], { log, limit: 150 })
  if (code !== 0) throw new Error(`${plan}: not judged: ${lastWords(log)}`)
  const row = readJson(rowOf('checked'))
  const tolerance = limitsOf(readJson(join(work, 'table.json')).rows)
  const pass = isWithin(row, tolerance)
  console.log(JSON.stringify({ pass, ...row.losses.inverse }))
  if (!pass) return false
  copyFileSync(plan, bestPlan())
  writeJson(rowOf('polygraphy'), { ...row, title: 'Polygraphy, TensorRT' })
  return true
}

function made(name) {
  return join(folder, `${name}.onnx`)
}

function logOf(name) {
  return join(folder, `${name}.log`)
}

function bestPlan() {
  return join(folder, 'polygraphy.plan')
}

/** `checked` is of an engine that may not be kept: no row of the table. */
function rowOf(name) {
  return name === 'checked' ? join(folder, 'checked.json') : join(work, `rows/${name}.json`)
}

function ofRow(name) {
  return ['--golden', join(work, 'golden.npz'), '--row', rowOf(name)]
}

/** While mend runs, the weights have a second name in its folder, and the onnx package refuses such files. */
function own() {
  const [place, file] = [join(folder, 'own'), 'depth_pro.onnx']
  mkdirSync(place, { recursive: true })
  for (const each of [`${file}.data`, file])
    if (!existsSync(join(place, file)))
      copyFileSync(join(work, each), join(place, each), constants.COPYFILE_FICLONE)
  return join(place, file)
}

async function scene() {
  const file = join(folder, 'scene.npz')
  await run([...peers, 'scene', join(work, 'golden.npz'), file], { log: logOf('scene'), limit: 120 })
  return file
}

/** A process that the system ended had no memory left. */
function failure(code, log, seconds) {
  const ended = seconds < limit - 1 ? 'ended by the system for want of memory' : `not within ${limit} s`
  return { seconds, failed: code === null ? ended : lastWords(log) }
}

async function nodesOf(name) {
  const about = { log: `${logOf(name)}.count`, limit: 120 }
  const { code, output } = await run([...peers, 'count', made(name)], about)
  return code === 0 ? JSON.parse(output) : undefined
}

function mendCommand(name) {
  const guide = values.guide === undefined ? [] : ['--guide', values.guide]
  const few = ['--scene', 'astronaut', '--trials', values.trials]
  return [
    ...[process.execPath, '--max-old-space-size=24000', cli],
    ...['mend', 'depth_pro', '--engine', 'trt', ...guide, ...few, '--margin', '0'],
    ...['--plan', join(folder, 'plan.json'), '-o', made(name), '--json'],
  ]
}

function mendProject() {
  const engines = { trt: engineSettings({ tf32: true }, { timingCache: join(folder, 'timing.cache') }) }
  if (values.guide === 'cuda') engines.cuda = { engine: 'onnxruntime', provider: 'cuda' }
  const tolerance = { fp16: limitsOf(readJson(join(work, 'table.json')).rows) }
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

function isWithin({ losses }, tolerance) {
  return losses.inverse.rmse <= tolerance.rmse && losses.inverse.absRel <= tolerance.absRel
}

function writeRows(table, out) {
  const { rows, host } = readJson(table)
  const tolerance = limitsOf(rows)
  const all = Object.entries(methods).flatMap(([name, method]) => {
    const tried = join(folder, `${name}.json`)
    const peer = existsSync(tried) ? readJson(tried) : undefined
    const row = rows[name]
    const about = { network: 'depth_pro', method, note: peer?.note, at: row?.at }
    if (!row?.losses) {
      const { failed = 'made, but not built in the time that there was', seconds, builds = 0 } = peer ?? {}
      return peer ? [{ ...about, seconds, builds, failed }] : []
    }
    const { rmse, absRel } = row.losses.inverse
    const { buildSeconds = 0, plain, graph, layers } = row
    // what searched by building has built what it found
    const [builds, seconds] = peer?.builds
      ? [peer.builds, peer.seconds]
      : [1, (peer?.seconds ?? 0) + buildSeconds]
    const pass = isWithin(row, tolerance)
    return [{ ...about, rmse, absRel, plain, graph, builds, seconds, nodes: peer?.nodes, layers, pass }]
  })
  mkdirSync(out, { recursive: true })
  writeJson(join(out, 'results.json'), { host, tolerances: { depth_pro: tolerance }, rows: all })
}

function readJson(file) {
  return JSON.parse(readFileSync(file, 'utf8'))
}

function writeJson(file, data) {
  writeWhole(file, `${JSON.stringify(data, null, 1)}\n`)
}
