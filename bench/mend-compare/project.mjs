// A project of depthgate for one network and one method: a folder with a config, in which the command line runs.
import { spawn } from 'node:child_process'
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repo } from './networks.mjs'

export const cli = join(repo, 'dist/cli/main.js')

/** Where TensorRT is not at hand the scripts can be tried with ONNX Runtime on the CPU. */
export function engineSettings({ engine, level, tf32 }, more) {
  if (engine === 'cpu') return { engine: 'onnxruntime' }
  return {
    engine: 'tensorrt',
    ...(level !== undefined && { optimizationLevel: level }),
    ...(tf32 && { allowTf32: true }),
    ...more,
  }
}

/**
 * A model of a config.
 * @param model what differs from the network as it is: `onnx`, `recipes`
 * @param tolerance of the output of the figures
 */
export function configured(network, model, tolerance) {
  const outputs = structuredClone(network.outputs)
  if (tolerance) outputs[network.output] = { ...outputs[network.output], tolerance: { fp16: tolerance } }
  return { golden: network.golden, precisions: ['fp16'], outputs, ...model }
}

/** Writes the config of some models. */
export function writeProject(folder, models, engines) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'depthgate.config.json')
  writeFileSync(file, `${JSON.stringify({ engines, models }, null, 1)}\n`)
  return file
}

/**
 * Runs a program in a process group of its own, for so many seconds; what it says goes to LOG and LOG.out.
 * @returns exit code (null where it was ended), standard output, seconds
 */
export function run(command, { cwd, log, limit, env = {} }) {
  const started = performance.now()
  const [out, err] = [openSync(`${log}.out`, 'w'), openSync(log, 'w')]
  const [program, ...args] = command.map(String)
  return new Promise((resolve, reject) => {
    if (!(limit > 1)) return resolve({ code: null, output: '', seconds: 0 })
    const child = spawn(program, args, {
      ...{ cwd, detached: true, stdio: ['ignore', out, err] },
      env: { ...process.env, NO_COLOR: '1', PYTHONUNBUFFERED: '1', ...env },
    })
    const timer = setTimeout(() => process.kill(-child.pid, 'SIGKILL'), limit * 1000)
    child.on('error', reject)
    child.on('exit', code => {
      clearTimeout(timer)
      const seconds = (performance.now() - started) / 1000
      resolve({ code, output: readFileSync(`${log}.out`, 'utf8'), seconds })
    })
  })
}

/** Why a program failed, in its own last words. */
export function lastWords(log) {
  const lines = readFileSync(log, 'utf8').trim().split('\n')
  return (lines.findLast(line => /^\S*(error|depthgate:)/i.test(line)) ?? lines.at(-1)).slice(0, 400)
}

/** What `depthgate bench` tells of models of a project: a row a name, or why there is none. */
export async function bench(folder, network, names, { log, limit, timing }) {
  const models = names.flatMap(name => ['--model', name])
  const scenes = network.scenes.flatMap(scene => ['--scene', scene])
  const command = [
    process.execPath,
    cli,
    'bench',
    ...models,
    '--precision',
    'fp16',
    ...scenes,
    ...timing,
    '--json',
  ]
  const { code, output } = await run(command, { cwd: folder, log, limit })
  const { groups = [] } = code !== null && output !== '' ? JSON.parse(output) : {}
  const rows = groups.flatMap(group => group.rows)
  const error = code === null ? `not built and measured within ${limit.toFixed(0)} s` : lastWords(log)
  return names.map(name => rows.find(({ model }) => model === name) ?? { type: 'broken', error })
}
