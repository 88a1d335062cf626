// FP32 -> FP16 of a large ONNX: `depthgate convert` beside onnxconverter-common, each as a whole process, in turns.
// Prints seconds, CPU seconds, peak resident memory and the ratio. Run after `npm run build`.
//
//     node bench/convert.mjs [--python python3] [--runs 5] [--matrices 30] [--external] [--alone]
//
// --matrices N   weights of 2896², 33.6 MB each: 30 are 1.0 GB, 54 are 1.8 GB
// --external     weights in external data, so that more than 2 GiB can be tried (--matrices 80)
// --alone        depthgate only; the peer needs about five times the file's size in memory
// Free disk needed: twice the model.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { create } from '@bufbuild/protobuf'

const side = 2896
const { values: options } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    runs: { type: 'string', default: '5' },
    matrices: { type: 'string', default: '30' },
    external: { type: 'boolean', default: false },
    alone: { type: 'boolean', default: false },
  },
})
const here = fileURLToPath(new URL('.', import.meta.url))
const dist = resolve(here, '../dist')
const onnx = await import(join(dist, 'onnx/gen/onnx_pb.js'))
const { writeModel } = await import(join(dist, 'onnx/write.js'))

const folder = mkdtempSync(join(tmpdir(), 'depthgate-bench-'))
try {
  const source = join(folder, 'source/fp32.onnx')
  writeModel(source, chain(Number(options.matrices)), {
    from: source,
    external: options.external || 'auto',
  })
  const size = bytesIn(join(folder, 'source'))
  const tools = options.alone ? [depthgate] : [depthgate, converter]
  console.log(
    `${options.matrices} MatMuls of ${side}², ${(size / 1e9).toFixed(2)} GB in ${options.external ? 'external data' : 'one file'}; ` +
      `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0].model}`,
  )
  const runs = tools.map(() => [])
  for (let run = 0; run < Number(options.runs); run++)
    for (const [index, tool] of tools.entries()) {
      const out = join(folder, 'out/fp16.onnx')
      const measured = timed(tool(source, out))
      const made = bytesIn(join(folder, 'out'))
      if (Math.abs(made / size - 0.5) > 0.01) throw new Error(`${tool.name} made ${made} bytes of ${size}`)
      rmSync(join(folder, 'out'), { recursive: true })
      runs[index].push(measured)
      console.log(row(tool.name, measured))
    }
  const middles = runs.map(all => middle(all))
  for (const [index, tool] of tools.entries()) console.log(row(`${tool.name}, median`, middles[index]))
  const [ours, theirs] = middles
  if (theirs) console.log(`ratio ${(theirs.seconds / ours.seconds).toFixed(1)} (goal 8)`)
  console.log(`peak memory of depthgate: ${((ours.peak * 1e9) / size).toFixed(2)} x the model`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}

function depthgate(source, out) {
  const report =
    'process.on("exit", () => { const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage(); ' +
    'console.log(JSON.stringify({ cpu: (userCPUTime + systemCPUTime) / 1e6, peak: (maxRSS * 1024) / 1e9 })) })'
  const hook = `data:text/javascript,${encodeURIComponent(report)}`
  return [
    process.execPath,
    ['--import', hook, join(dist, 'cli/main.js'), 'convert', source, '--precision', 'fp16', '-o', out],
  ]
}

function converter(source, out) {
  return [options.python, [join(here, 'convert.py'), source, out]]
}

/** Runs a program that says last what CPU time and memory it took. */
function timed([program, args]) {
  const start = performance.now()
  const { status, stdout, error } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const seconds = (performance.now() - start) / 1000
  if (status !== 0) throw error ?? new Error(`${program} ${args[0]} ended with ${status}`)
  return { seconds, ...JSON.parse(stdout.trim().split('\n').at(-1)) }
}

/** A network of `count` MatMuls. They share one matrix of noise in memory; in the file each has its own. */
function chain(count) {
  let state = 1
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
  const values = Float32Array.from({ length: side * side }, () => (random() + random() + random() - 1.5) / 50)
  const { FLOAT } = onnx.TensorProto_DataType
  const port = name => ({
    name,
    type: {
      value: {
        case: 'tensorType',
        value: {
          elemType: FLOAT,
          shape: { dim: [1, side].map(value => ({ value: { case: 'dimValue', value: BigInt(value) } })) },
        },
      },
    },
  })
  return create(onnx.ModelProtoSchema, {
    irVersion: 9n,
    opsetImport: [{ domain: '', version: 18n }],
    graph: {
      name: 'chain',
      node: Array.from({ length: count }, (_, i) => ({
        opType: 'MatMul',
        name: `matmul${i}`,
        input: [`x${i}`, `w${i}`],
        output: [`x${i + 1}`],
      })),
      input: [port('x0')],
      output: [port(`x${count}`)],
      initializer: Array.from({ length: count }, (_, i) => ({
        name: `w${i}`,
        dims: [BigInt(side), BigInt(side)],
        dataType: FLOAT,
        rawData: new Uint8Array(values.buffer),
      })),
    },
  })
}

function bytesIn(place) {
  return readdirSync(place).reduce((sum, name) => sum + statSync(join(place, name)).size, 0)
}

/** The median of each figure. */
function middle(runs) {
  const of = key => runs.map(run => run[key]).toSorted((a, b) => a - b)[runs.length >> 1]
  return { seconds: of('seconds'), cpu: of('cpu'), peak: of('peak') }
}

function row(name, { seconds, cpu, peak }) {
  return `${name.padEnd(20)} ${seconds.toFixed(2).padStart(6)} s ${cpu.toFixed(2).padStart(6)} s CPU ${peak.toFixed(2).padStart(6)} GB`
}
