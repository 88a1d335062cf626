// What quantising the bundled network costs, by calibration and by what stays FP32: the table of docs/quantisation.md.
// Run after `npm run build`; about two minutes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { quantized } from '../dist/gate/calibrate.js'
import { findModel, loadConfig, sceneNames } from '../dist/gate/config.js'
import { inferModel } from '../dist/gate/infer.js'
import { judgeInference } from '../dist/gate/judge-scene.js'
import { quantizedRecipe } from '../dist/gate/recipe.js'
import { writeModel } from '../dist/onnx/write.js'

const pocket = findModel(loadConfig('depthgate.config.ts'), 'pocket')
const fp32 = join(pocket.root, 'models/pocket/pocket.onnx')
const scenes = sceneNames(pocket)
const { keep } = quantizedRecipe(pocket, 'int8')
const rows = [
  ...[{ keep }, { keep: ['/^head\\./'] }, {}].flatMap(choice =>
    ['percentile', 'entropy', 'min-max'].map(method => ['int8', { ...choice, calibration: { method } }]),
  ),
  ['int8', { keepFirst: true, keepLast: true }],
  ['int8', { operators: ['MatMul'] }],
  ['int8', { keep, attention: true }],
  ['int8', { keep, residual: true }],
  ['fp8', { keep }],
  ['fp8', {}],
]

const folder = mkdtempSync(join(tmpdir(), 'depthgate-quantisation-'))
console.log(
  '| precision, recipe | fusion | scenes that pass | absRel mean, worst | rmse mean, worst | edgeF1Drop worst | fov worst |',
)
console.log('|---|---|---|---|---|---|---|')
try {
  for (const [index, [precision, recipe]] of rows.entries()) {
    const path = join(folder, `${index}.onnx`)
    const made = await quantized(pocket, precision, recipe)
    writeModel(path, made.model, { from: fp32 })
    const model = { ...pocket, config: { ...pocket.config, onnx: { fp32, [precision]: path } } }
    for (const fusion of ['off', 'on']) {
      const found = { passed: 0, absRel: [], rmse: [], edgeF1Drop: [], fov: [] }
      for (const scene of scenes) {
        const inference = await inferModel(model, { scene, precision, fusion })
        tally(judgeInference(model, inference).verdict, found)
      }
      const told = JSON.stringify({ ...recipe, keep: recipe.keep === keep ? 'pocket' : recipe.keep })
      console.log(
        `| ${precision}, ${made.facts.nodes} nodes, \`${told}\` | ${fusion} | ${found.passed} of ${scenes.length} | ${spread(found.absRel)} | ${spread(found.rmse)} m | ${worst(found.edgeF1Drop)} | ${worst(found.fov)}° |`,
      )
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}

/** Adds one verdict: figures of the metric depth and of the field of view. */
function tally({ pass, outputs }, found) {
  if (pass) found.passed++
  for (const output of outputs) {
    if (output.output === 'depth')
      for (const name of ['absRel', 'rmse', 'edgeF1Drop']) found[name].push(output.metrics[name])
    if (output.output === 'fov_deg') found.fov.push(Math.abs(output.golden - output.actual))
  }
}

function worst(values) {
  return Number(Math.max(...values).toPrecision(3))
}

function spread(values) {
  return `${Number((values.reduce((a, b) => a + b) / values.length).toPrecision(3))}, ${worst(values)}`
}
