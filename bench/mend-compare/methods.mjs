// The methods that are compared. Each is given a network and a folder, and says what to build, how many builds it took to
// find it and how long, or why it found nothing.
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { cli, configured, engineSettings, lastWords, run, writeProject } from './project.mjs'

const here = import.meta.dirname

/**
 * @typedef {object} Found
 * @property {object} [model] what the config says of the model: `onnx`, `recipes`
 * @property {string} [plan] an engine that is built already
 * @property {string} [onnx] the file in which the nodes are counted
 * @property {number} [builds] that were made while searching; without it, what is found is built once
 * @property {number} seconds of the search
 * @property {string} [note] what a reader must know
 * @property {string} [failed] why there is nothing to measure
 */

/** Those that build nothing while they search, and those that do. */
export const conversions = {
  'FP32 throughout': async ({ network }) => ({
    model: { onnx: { fp16: network.named } },
    onnx: network.named,
    seconds: 0,
  }),
  'plain FP16': context => converted(context, {}),
  'FP32 sums': context => converted(context, { accumulate: 'fp32' }),
  AutoCast: autocast,
  'auto mixed precision': autoMixed,
}
export const searches = { mend, Polygraphy: polygraphy }

/** depthgate's own conversion. */
async function converted({ name, network, folder, limit, options }, recipe) {
  const model = { onnx: network.named, recipes: { fp16: recipe } }
  writeProject(folder, { [name]: configured(network, model) }, { trt: engineSettings(options) })
  const [onnx, log] = [join(folder, 'made.onnx'), join(folder, 'convert.log')]
  const command = [process.execPath, cli, 'convert', '--model', name, '-o', onnx]
  const { code, seconds } = await run(command, { cwd: folder, log, limit })
  return code === 0 ? { model, onnx, seconds } : failure(code, log, limit, seconds)
}

function failure(code, log, limit, seconds) {
  const failed = code === null ? `not within ${limit.toFixed(0)} s` : lastWords(log)
  return { failed, seconds }
}

/** ModelOpt's AutoCast as it comes, with the scenes as calibration data. */
function autocast({ network, ...context }) {
  return peer({ network, ...context }, ['autocast', network.named, 'made.onnx', network.inputs])
}

/** onnxconverter-common's search, judged by the tolerance; it takes one input. */
async function autoMixed({ name, network, tolerance, ...context }) {
  const { folder, options } = context
  const model = { onnx: network.named }
  const config = writeProject(
    folder,
    { [name]: configured(network, model, tolerance) },
    { trt: engineSettings(options) },
  )
  const [scene] = network.scenes
  const judge = [process.execPath, join(here, 'judge.mjs'), config, name, scene]
  const input = join(network.inputs, `${scene}.npz`)
  const arguments_ = ['auto-mixed', network.named, 'made.onnx', input, '--', ...judge]
  const found = await peer({ network, ...context }, arguments_)
  return { ...found, ...(found.attempts && { note: `${found.attempts} attempts on the CPU` }) }
}

async function peer({ network, folder, limit, options }, arguments_) {
  const log = join(folder, 'peer.log')
  const command = [options.python, '-W', 'ignore', join(here, 'peers.py'), ...arguments_]
  const { code, output, seconds } = await run(command, { cwd: folder, log, limit })
  if (code !== 0) return failure(code, log, limit, seconds)
  const onnx = join(folder, 'made.onnx')
  const { attempts } = JSON.parse(output.trim().split('\n').at(-1))
  return { model: { onnx: { fp32: network.named, fp16: onnx } }, onnx, attempts, seconds }
}

/** depthgate's own, without a margin, since the others have none. */
async function mend({ name, network, folder, limit, tolerance, options }) {
  const model = { onnx: network.named }
  const engines = { trt: engineSettings(options, timingCache(folder)), ...guides[options.guide] }
  writeProject(folder, { [name]: configured(network, model, tolerance) }, engines)
  const scenes = network.scenes.flatMap(scene => ['--scene', scene])
  const log = join(folder, 'mend.log')
  const guide = options.guide === undefined ? [] : ['--guide', options.guide]
  const question = ['mend', name, '--engine', 'trt', ...guide, ...scenes, '--margin', '0', '--json']
  const command = [process.execPath, cli, ...question, '--plan', 'plan.json', '-o', 'mended.onnx']
  // emulation on a GPU wants FP32 kernels; TensorRT is told by its builder, whatever stands there
  const env = options.guide === 'cuda' ? { NVIDIA_TF32_OVERRIDE: '0' } : {}
  const { code, output, seconds } = await run(command, { cwd: folder, log, limit, env })
  if (code !== 0 && code !== 1) return { ...failure(code, log, limit, seconds), builds: plansIn(folder) }
  return { ...answer(JSON.parse(output), network, folder), seconds }
}

/** Engines beside TensorRT that mend can be guided by; without one it is emulation on the CPU. */
const guides = { cuda: { cuda: { engine: 'onnxruntime', provider: 'cuda' } } }

/** What mend says, as something to build. */
function answer(told, network, folder) {
  const { sets = 0, ends = 0 } = told.confirmation?.builds ?? {}
  const about = { builds: sets + ends }
  const base = { onnx: network.named }
  switch (told.type) {
    case 'hopeless':
      return { ...about, failed: 'says that no set of nodes passes: FP32 itself fails' }
    case 'unconfirmed':
      return {
        ...about,
        failed: `found none that passes; the best uses ${told.best.worst.used.toFixed(2)} of its limit`,
      }
    case 'passes':
      return {
        ...about,
        model: { ...base, recipes: { fp16: {} } },
        onnx: network.plain,
        note: 'says that nothing is needed',
      }
    case 'mended':
      return {
        ...about,
        model: { ...base, recipes: { fp16: join(folder, 'plan.json') } },
        onnx: join(folder, 'mended.onnx'),
        note: `${told.trials.run} trials of the guide; ${sets} ${sets === 1 ? 'build' : 'builds'} of sets, ${ends} of the ends${quickerFp32(told)}`,
      }
  }
}

/** What mend says where no set is worth it. */
function quickerFp32({ cheaper, fp32 }) {
  return cheaper === 'fp32' ? `; says that FP32 throughout is quicker, ${fp32.latency.toFixed(3)} ms` : ''
}

/** Every build leaves a plan, since the folder is the method's own. */
function plansIn(folder) {
  const plans = join(folder, '.depthgate/plans')
  return existsSync(plans) ? readdirSync(plans).filter(file => file.endsWith('.plan')).length : 0
}

/** Polygraphy's bisection under weak typing, as it comes: how many of the first layers must be FP32. */
async function polygraphy({ name, network, folder, limit, tolerance, options, work }) {
  const built = 'polygraphy_debug.engine'
  const engine = engineSettings(options, { plan: { fp16: join(folder, built) } })
  writeProject(folder, { [name]: configured(network, { onnx: network.named }, tolerance) }, { trt: engine })
  const log = join(folder, 'polygraphy.log')
  const { timingCache: cache } = timingCache(folder)
  const check = [join(here, 'check.mjs'), name, work, join(folder, built)]
  const command = debugPrecision(network.named, check, { ...options, cache })
  rmSync(join(folder, 'checks.jsonl'), { force: true })
  const { code, output, seconds } = await run(command, { cwd: folder, log, limit })
  const { builds, of, best } = bisection(output)
  const about = { builds, seconds }
  if (!existsSync(join(folder, 'best.plan')))
    return {
      ...about,
      failed: code === null ? `nothing within ${limit.toFixed(0)} s` : complaint(output, log),
    }
  const note = layersNote(best, of, code, limit)
  return { ...about, plan: join(folder, 'best.plan'), layers: { fp32: best, of }, note }
}

/** Polygraphy's search of an ONNX, whose engines a script of Node's checks. */
export function debugPrecision(onnx, check, { python, level, tf32, cache }) {
  return [
    ...[python, '-c', 'from polygraphy.tools import main; main()'],
    ...['debug', 'precision', onnx, '--fp16'],
    ...(level === undefined ? [] : ['--builder-optimization-level', level]),
    ...(tf32 ? ['--tf32'] : []),
    ...(cache ? ['--load-timing-cache', cache, '--save-timing-cache', cache] : []),
    ...['--check', process.execPath, ...check],
  ]
}

/** What such a search came to, also where its time was over first. */
export function layersNote(best, of, code, limit) {
  return `the first ${best} of ${of} layers${code === null ? `, and was not ready after ${limit.toFixed(0)} s` : ''}`
}

/** Polygraphy complains on standard output, Python on standard error. */
function complaint(output, log) {
  return output.match(/^\[[E!]\].*$/gm)?.at(-1) ?? lastWords(log)
}

/** What Polygraphy's own words tell: a build for each selection, and of those that passed the one with fewest layers. */
export function bisection(log) {
  const tried = []
  for (const [, layers, verdict] of log.matchAll(
    /Selecting (?:first|last) (\d+) layer|(PASSED|FAILED) \| Iteration/g,
  ))
    if (layers !== undefined) tried.push({ layers: Number(layers), pass: false })
    else tried.at(-1).pass = verdict === 'PASSED'
  const passing = tried.filter(({ pass }) => pass).map(({ layers }) => layers)
  return { builds: tried.length, of: tried[0]?.layers, best: Math.min(...passing) }
}

/** Every search begins with the timings of kernels that the builds without a search have left. */
export function timingCache(folder) {
  const [known, own] = [join(folder, '../timing.cache'), join(folder, 'timing.cache')]
  if (!existsSync(own) && existsSync(known)) copyFileSync(known, own)
  return existsSync(own) ? { timingCache: own } : {}
}

export function freshFolder(folder) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  return folder
}
