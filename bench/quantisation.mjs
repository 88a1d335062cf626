// What quantising the bundled network costs, by calibration and by what stays FP32: the table of docs/quantisation.md.
// Run after `npm run build`; about two minutes.
import { chosenRecipe } from '../dist/gate/chosen-recipe.js'
import { findModel, loadConfig, sceneNames } from '../dist/gate/config.js'
import { inferModel } from '../dist/gate/infer.js'
import { judgeInference } from '../dist/gate/judge-scene.js'

const pocket = findModel(loadConfig('depthgate.config.ts'), 'pocket')
const scenes = sceneNames(pocket)
const { keep } = chosenRecipe(pocket, 'int8').recipe
const rows = [
  ...[{ keep }, { keep: ['/^head\\./'] }, {}].flatMap(choice =>
    ['percentile', 'entropy', 'min-max'].map(method => ['int8', { ...choice, calibration: { method } }]),
  ),
  ['int8', { keepFirst: true, keepLast: true }],
  ['int8', { operators: ['MatMul'] }],
  ['int8', { keep, attention: true }],
  ['int8', { keep, residual: true }],
  ['int8', { keep, rest: 'fp16' }],
  ['int8', { keep, rest: 'fp16', accumulate: 'fp16' }],
  ['int8', { keep: ['/^decoder\\.levels\\.\\d\\.(up|out)\\./'], keepFp32: ['/^head\\./'], rest: 'fp16' }],
  ['int8', { operators: ['MatMul'], rest: 'fp16' }],
  ['int8', { keep, rest: 'bf16' }],
  ['int8', { keep: ['/^decoder\\.levels\\.\\d\\.(up|out)\\./'], keepFp32: ['/^head\\./'], rest: 'bf16' }],
  ['fp8', { keep }],
  ['fp8', { keep, rest: 'fp16' }],
  ['fp8', {}],
]

console.log(
  '| precision, recipe | fusion | scenes that pass | absRel mean, worst | rmse mean, worst | edgeF1Drop worst | fov worst |',
)
console.log('|---|---|---|---|---|---|---|')
for (const [precision, recipe] of rows) {
  for (const fusion of ['off', 'on']) {
    const found = { passed: 0, absRel: [], rmse: [], edgeF1Drop: [], fov: [] }
    for (const scene of scenes) {
      const inference = await inferModel(pocket, { scene, precision, fusion }, { recipe })
      tally(judgeInference(pocket, inference).verdict, found)
    }
    const told = JSON.stringify({ ...recipe, keep: recipe.keep === keep ? 'pocket' : recipe.keep })
    console.log(
      `| ${precision}, \`${told}\` | ${fusion} | ${found.passed} of ${scenes.length} | ${spread(found.absRel)} | ${spread(found.rmse)} m | ${worst(found.edgeF1Drop)} | ${worst(found.fov)}° |`,
    )
  }
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
