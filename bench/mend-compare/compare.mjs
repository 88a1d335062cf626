// Runs every method on every network and writes OUT/results.json after each row.
//   node compare.mjs --work WORK --out OUT [--only NAME …] [--seconds 540] [--engine trt|cpu] [--python PROGRAM] [--guide cuda]
// `traps` names all trap networks. DEPTHGATE_LEVEL is TensorRT's optimisation level, the same for all; DEPTHGATE_TF32=1 allows
// everyone TF32 kernels, which TensorRT does by default and depthgate only where asked. Called again with the
// same WORK and OUT it goes on where it stopped. --again measures the rows that are there once more, with nothing beside.
// --without METHOD leaves one out; --limits RESULTS.json takes the limits that an earlier run chose, so that its rows and these
// can stand in one table.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { writeWhole } from '../../dist/base/files.js'
import { limitsFrom } from './limits.mjs'
import { conversions, freshFolder, searches, timingCache } from './methods.mjs'
import { networksIn, trapNames } from './networks.mjs'
import { prepare } from './prepare.mjs'
import { bench, configured, engineSettings, run, writeProject } from './project.mjs'

const { values } = parseArgs({
  options: {
    work: { type: 'string' },
    out: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
    seconds: { type: 'string', default: '540' },
    engine: { type: 'string', default: 'trt' },
    python: { type: 'string', default: process.env.DEPTHGATE_PYTHON ?? 'python3' },
    guide: { type: 'string' },
    again: { type: 'boolean', default: false },
    without: { type: 'string', multiple: true, default: [] },
    limits: { type: 'string' },
  },
})
const [work, out] = [resolve(values.work), resolve(values.out)]
const level = process.env.DEPTHGATE_LEVEL === undefined ? undefined : Number(process.env.DEPTHGATE_LEVEL)
const tf32 = process.env.DEPTHGATE_TF32 === '1'
const options = { engine: values.engine, python: values.python, guide: values.guide, level, tf32 }
const begun = performance.now()
const elapsed = () => (performance.now() - begun) / 1000
const left = () => Number(values.seconds) - elapsed()

/** Seconds that a search may take on a network, and an engine to be built and measured. */
const limits = {
  vit12: { search: 400, build: 150 },
  pocket: { search: 240, build: 120 },
  trap: { search: 90, build: 180 },
}
const limitOf = (name, what) => Math.min((limits[name] ?? limits.trap)[what], left())

const throughout = 'FP32 throughout'
const quick = ['--iterations', '10', '--warmup', '0']
const timed = values.engine === 'cpu' ? quick : ['--seconds', '1', '--warmup', '0.5']

mkdirSync(out, { recursive: true })
const file = join(out, 'results.json')
const results = existsSync(file)
  ? JSON.parse(readFileSync(file, 'utf8'))
  : { level: level ?? 3, tf32, tolerances: earlierLimits(), rows: [] }
const known = (name, method) => results.rows.find(row => row.network === name && row.method === method)
const wanted = method => !values.without.includes(method)
const slug = method => method.toLowerCase().replaceAll(' ', '-')
const folderOf = (name, method) => join(work, name, slug(method))

const networks = networksIn(work)
/** Conversions that are under way, by network. */
const later = {}
const asked = values.only.flatMap(name => (name === 'traps' ? trapNames() : [name]))
const names = asked.length > 0 ? asked : Object.keys(networks)
if (values.again) for (const name of names) await attempt(name, () => measureAgain(name))
else {
  for (const name of names) await attempt(name, () => convertAll(name))
  const limited = () => names.filter(name => results.tolerances[name])
  // what is found by building comes afterwards, ours first: time may run out
  await searchAll('mend')
  for (const name of limited()) await attempt(name, () => buildAll(name, later[name] ?? {}))
  await searchAll('Polygraphy')
  // without a search for limits FP32 tells nothing that is worth a build
  for (const name of limited())
    if (!networks[name].tolerance) await attempt(name, () => buildAll(name, begin(name, [throughout])))

  async function searchAll(method) {
    if (!wanted(method)) return
    for (const name of limited()) if (!known(name, method)) await attempt(name, () => searchFor(name, method))
  }
}

function earlierLimits() {
  return values.limits === undefined ? {} : JSON.parse(readFileSync(values.limits, 'utf8')).tolerances
}

/** What goes wrong with one network leaves the others alone. */
async function attempt(name, work) {
  if (left() < 10) return
  try {
    await work()
  } catch (thrown) {
    console.log(`${elapsed().toFixed(0)} s  ${name}: ${thrown.stack}`)
  }
}

/** The methods that build nothing while they search. What they do on the processor goes on while the GPU builds. */
async function convertAll(name) {
  networks[name] = await prepare(name, networks[name], { work, python: options.python, limit: left() })
  const ends = ['plain FP16', 'FP32 sums']
  const found = begin(name, [...ends, 'AutoCast'])
  results.tolerances[name] ??= networks[name].tolerance ?? (await chosenLimits(name, ends, found))
  if (!results.tolerances[name]) return
  const slow = begin(name, ['auto mixed precision'])
  // it may search for minutes, while the GPU has other work; for a trap it takes a second
  if (networks[name].tolerance) return buildAll(name, { ...found, ...slow })
  later[name] = slow
  await buildAll(name, found)
}

/** Promises of what is not known yet. */
function begin(name, methods) {
  const open = methods.filter(method => wanted(method) && !known(name, method))
  return Object.fromEntries(open.map(method => [method, find(name, method)]))
}

function find(name, method) {
  const [folder, limit] = [freshFolder(folderOf(name, method)), limitOf(name, 'search')]
  const [network, tolerance] = [networks[name], results.tolerances[name]]
  return conversions[method]({ name, network, folder, limit, tolerance, options })
}

/** Builds and measures what conversions find, in their order; a trap's so fast that starting takes longer, all in one go. */
async function buildAll(name, pending) {
  const methods = Object.keys(pending)
  for (const batch of networks[name].tolerance ? [methods] : methods.map(method => [method])) {
    if (left() < 10) continue
    const found = {}
    for (const method of batch) {
      const made = await pending[method]
      if (made.failed) await keep(name, method, made, { error: made.failed })
      else found[method] = made
    }
    for (const [method, row] of await built(name, found, timed)) await keep(name, method, found[method], row)
  }
}

/** What FP16 loses on this machine, without and with FP32 sums, decides the limits before anything is searched. */
async function chosenLimits(name, ends, pending) {
  const rows = []
  // one by one, so that a limit of time ends one build alone
  for (const method of ends) {
    const found = { [method]: await pending[method] }
    const [[, row]] = found[method].failed
      ? [[method, { error: found[method].failed }]]
      : await built(name, found, quick)
    if (row.type !== 'measured') return keep(name, method, found[method], row)
    rows.push(row)
  }
  return limitsFrom(...rows.map(({ accuracy }) => accuracy))
}

/** Rows of what was found, by method; all builds of a network share their timings of kernels. */
async function built(name, found, timing) {
  const [methods, folder] = [Object.keys(found), join(work, name, 'built')]
  if (methods.length === 0) return []
  const slugs = methods.map(slug)
  const models = methods.map((method, i) => [
    slugs[i],
    configured(networks[name], found[method].model, results.tolerances[name]),
  ])
  const cache = { timingCache: join(work, name, 'timing.cache') }
  const all = { ...knownModels(folder), ...Object.fromEntries(models) }
  writeProject(folder, all, { trt: engineSettings(options, cache) })
  const log = join(folder, `${slugs.join('-').slice(0, 60)}.log`)
  const rows = await bench(folder, networks[name], slugs, { log, timing, limit: limitOf(name, 'build') })
  return methods.map((method, i) => [method, rows[i]])
}

/** What was built there before stays in the config, to be measured again. */
function knownModels(folder) {
  const config = join(folder, 'depthgate.config.json')
  return existsSync(config) ? JSON.parse(readFileSync(config, 'utf8')).models : {}
}

async function searchFor(name, method) {
  const folder = freshFolder(folderOf(name, method))
  const [network, tolerance] = [networks[name], results.tolerances[name]]
  const limit = limitOf(name, 'search')
  const found = await searches[method]({ name, network, folder, limit, tolerance, options, work })
  if (found.failed) return keep(name, method, found, { error: found.failed })
  const engine = engineSettings(options, found.plan ? { plan: { fp16: found.plan } } : timingCache(folder))
  writeProject(
    folder,
    { [name]: configured(network, found.model ?? { onnx: network.named }, tolerance) },
    { trt: engine },
  )
  const about = { log: join(folder, 'bench.log'), timing: timed, limit: limitOf(name, 'build') }
  const [row] = await bench(folder, network, [name], about)
  await keep(name, method, found, row)
}

/** Adds a row; NaN and infinity come from the command line as words. */
async function keep(name, method, found, row) {
  const about = {
    network: name,
    method,
    note: found.note,
    builds: found.builds ?? (found.failed ? 0 : 1),
    seconds: found.seconds,
    at: new Date().toISOString(),
  }
  results.rows.push(
    row.type === 'measured'
      ? { ...about, ...(await facts(name, method, found, row)) }
      : { ...about, failed: row.error },
  )
  writeWhole(file, `${JSON.stringify(results, null, 1)}\n`)
  const { pass, absRel, failed } = results.rows.at(-1)
  const verdict = failed ?? `${pass ? 'passes' : 'fails'}, absRel ${Number(absRel).toExponential(2)}`
  console.log(`${elapsed().toFixed(0)} s  ${name}, ${method}: ${verdict}`)
}

async function facts(name, method, found, row) {
  const { accuracy, buildSeconds, layers, planBytes, fingerprint } = row
  const { engineVersion, device, driver } = fingerprint
  results.engine = { engineVersion, device, driver }
  return {
    ...(found.builds === undefined && { seconds: found.seconds + (buildSeconds ?? 0) }),
    pass: accuracy.failing.length === 0,
    reason: accuracy.failing[0]?.reason,
    ...{ rmse: accuracy.rmse, absRel: accuracy.absRel, ...times(row), buildSeconds, layers, planBytes },
    nodes: found.layers
      ? { layers: found.layers }
      : await nodesOf(found.onnx, join(work, name, `${method}.count.log`)),
  }
}

function times({ plain, graph }) {
  const kept = ({ median, variation, unstable, hostBound, reason }) =>
    reason ? { reason } : { median, variation, unstable, hostBound }
  return { plain: kept(plain), graph: kept(graph) }
}

async function nodesOf(onnx, log) {
  const command = [options.python, '-W', 'ignore', join(import.meta.dirname, 'peers.py'), 'count', onnx]
  const { code, output } = await run(command, { log, limit: Math.max(30, left()) })
  return code === 0 ? JSON.parse(output) : undefined
}

/** Latencies once more, of the plans that are there: those of the first time may have been taken beside other builds. */
async function measureAgain(name) {
  const there = results.rows.filter(({ network, failed }) => network === name && failed === undefined)
  const joint = there.filter(({ method }) => method in conversions)
  const groups = [
    ['built', joint, joint.map(({ method }) => slug(method))],
    ...there.filter(({ method }) => method in searches).map(row => [slug(row.method), [row], [name]]),
  ]
  for (const [folder, rows, models] of groups) {
    if (rows.length === 0 || left() < 10) continue
    const about = { log: join(work, name, 'again.log'), timing: timed, limit: limitOf(name, 'build') }
    const measured = await bench(join(work, name, folder), networks[name], models, about)
    for (const [i, row] of measured.entries())
      if (row.type === 'measured') Object.assign(rows[i], times(row), { alone: true })
    writeWhole(file, `${JSON.stringify(results, null, 1)}\n`)
    console.log(`${elapsed().toFixed(0)} s  ${name}, ${models.join(', ')}: measured alone`)
  }
}
