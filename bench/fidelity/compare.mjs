// Emulates every network on the CPU and holds its errors against those of the GPU. Prints Markdown; see README.md.
//   node bench/fidelity/compare.mjs [--gpu FOLDER] [--only NAME] …
// FOLDER holds the pytorch.json and tensorrt.json that on_gpu.py and trt_gpu.py wrote. Run after prepare.sh. What was emulated
// before is kept in work/emulated.json and not run again unless --only names it.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    gpu: { type: 'string', default: 'bench/fidelity/work/gpu' },
    only: { type: 'string', multiple: true, default: [] },
  },
})
const gpu = resolve(values.gpu)
const read = file => (existsSync(join(gpu, file)) ? JSON.parse(readFileSync(join(gpu, file), 'utf8')) : {})
const [pytorch, tensorrt] = [read('pytorch.json'), read('tensorrt.json')]

// the config and the goldens are there
process.chdir(join(import.meta.dirname, 'work'))
const { infer, readNpy, releaseEngines, scenes } = await import('../../dist/index.js')

/** RMSE in units of the golden's standard deviation, and mean relative error where the golden is above zero. */
function figures(golden, actual) {
  let [sum, squares, errors, relative, seen] = [0, 0, 0, 0, 0]
  for (const [i, wanted] of golden.entries()) {
    const error = actual[i] - wanted
    sum += wanted
    squares += wanted * wanted
    errors += error * error
    if (wanted > 0) {
      relative += Math.abs(error) / wanted
      seen++
    }
  }
  const count = golden.length
  const variance = squares / count - (sum / count) ** 2
  return { rmseStd: Math.sqrt(errors / count / variance), absRel: relative / seen }
}

/** The error of one emulation, over all scenes. */
async function emulated(name, model, precision) {
  const output = name === 'pocket' ? 'inverse_depth' : 'depth'
  const all = []
  for (const scene of scenes(model)) {
    const golden = readNpy(`golden/${name}/${scene}/${output}.npy`)
    const { outputs } = await infer(model, { scene, precision, attribute: false })
    all.push(figures(golden.data, outputs[output].data))
  }
  await releaseEngines()
  const mean = key => all.reduce((total, each) => total + each[key], 0) / all.length
  return { rmseStd: mean('rmseStd'), absRel: mean('absRel') }
}

const networks = ['pocket', 'vit_small', 'conv', 'vit4', 'vit12']
const results = existsSync('emulated.json') ? JSON.parse(readFileSync('emulated.json', 'utf8')) : {}
for (const name of values.only.length > 0 ? values.only : networks.filter(each => !results[each])) {
  results[name] = {
    fp32: await emulated(name, name, 'fp32'),
    fp16: await emulated(name, name, 'fp16'),
    bf16: await emulated(name, name, 'bf16'),
    summed: await emulated(name, `${name}-summed`, 'fp16'),
  }
  writeFileSync('emulated.json', `${JSON.stringify(results, null, 1)}\n`)
}
for (const [name, { weights }] of Object.entries(pytorch.networks ?? {}))
  if (weights !== JSON.parse(readFileSync(`golden/${name}/manifest.json`, 'utf8')).capture.weights)
    throw new Error(`${name}: the weights on the GPU were others, so its figures are of another network`)

const inOrder = networks.filter(name => results[name]).map(name => [name, results[name]])
const figure = value => (value === undefined || value === null ? '–' : value.toExponential(2))
const ratio = (a, b) => (a && b ? (a / b).toFixed(3) : '–')
const onTorch = (name, label) => pytorch.networks?.[name]?.formats[label]?.mean
const onTensorRT = (name, label) => tensorrt[label ? `${name}.${label}` : name]?.mean
function table(head, rows) {
  console.log(`| ${head.join(' | ')} |\n|${'---|'.repeat(head.length)}`)
  for (const row of rows) console.log(`| ${row.join(' | ')} |`)
  console.log()
}
for (const [key, title] of [
  ['rmseStd', 'RMSE / standard deviation'],
  ['absRel', 'mean relative error'],
]) {
  console.log(`${title}, mean of ${scenes('pocket').length} pictures\n`)
  table(
    ['network', 'format', 'PyTorch', 'emulated', 'emulated / PyTorch'],
    inOrder.flatMap(([name, result]) =>
      ['fp16', 'bf16'].map(format => {
        const there = onTorch(name, format)?.[key]
        return [name, format, figure(there), figure(result[format][key]), ratio(result[format][key], there)]
      }),
    ),
  )
  table(
    [
      'network',
      'TensorRT FP32',
      'TensorRT FP16',
      'emulated, FP16 sums',
      'emulated / TensorRT',
      'TensorRT FP16, FP32 sums',
      'emulated, FP32 sums',
      'PyTorch FP16, FP16 sums in MatMul',
    ],
    inOrder.map(([name, result]) => {
      const there = onTensorRT(name, 'fp16')?.[key]
      return [
        name,
        figure(onTensorRT(name, '')?.[key]),
        figure(there),
        figure(result.summed?.[key]),
        ratio(result.summed?.[key], there),
        figure(onTensorRT(name, 'fp16-fp32sum')?.[key]),
        figure(result.fp16[key]),
        figure(onTorch(name, 'fp16 summed in fp16')?.[key]),
      ]
    }),
  )
}
