// Which way of keeping tensors whole prevents fusion in TensorRT, and leaves the numbers alone: as outputs of the network,
// or as debug tensors. Needs a GPU and `npm run build`.
//   node bench/tensorrt/unfused.mjs [LEVEL]     with the bundled network; DEPTHGATE_PYTHON names the Python with TensorRT
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { statistics } from '../../dist/engines/statistics.js'
import { buildPlan } from '../../dist/engines/tensorrt/build.js'
import { loadTensorrt } from '../../dist/engines/tensorrt/session.js'
import { endWorkers } from '../../dist/engines/tensorrt/workers.js'
import { findModel, loadConfig } from '../../dist/gate/config.js'
import { variantFor } from '../../dist/gate/variant.js'
import { readInput, readTruth } from '../../dist/golden/store.js'

const optimizationLevel = Number(process.argv[2] ?? 3)
const settings = { engine: 'tensorrt', python: process.env.DEPTHGATE_PYTHON ?? 'python3', optimizationLevel }
const model = findModel(loadConfig(), 'pocket')
const [scene, output] = ['room', 'inverse_depth']
const golden = readTruth(model.golden, scene, output).data
const folder = mkdtempSync(join(tmpdir(), 'depthgate-unfused-'))

const rmse = (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length)
const deviation = rmse(
  golden,
  golden.map(() => golden.reduce((sum, x) => sum + x, 0) / golden.length),
)

console.log('precision  kept whole  tensors  layers  RMSE/std   to fused   median ms  build s')
try {
  for (const precision of ['fp32', 'fp16']) {
    const { onnx } = await variantFor(model, precision, 'cuda')
    let fused
    for (const unfused of [undefined, 'outputs', 'debug']) {
      const path = join(folder, `${precision}-${unfused}.plan`)
      const job = {
        onnx,
        device: 0,
        precision,
        typing: 'strong',
        tf32: false,
        optimizationLevel,
        ...(unfused && { unfused }),
      }
      try {
        const built = await buildPlan(settings, job, path)
        const request = { onnx, emulated: false, precision, fusion: 'on', cache: folder }
        const engine = await loadTensorrt({
          ...request,
          engine: { ...settings, plan: { [precision]: path } },
        })
        const tensor = readInput(model.golden, scene)
        const actual = (await engine.run(tensor, [output])).outputs[output].data
        fused ??= actual
        const { median } = statistics(
          await engine.time(tensor, { warmup: 0.5, seconds: 1, graph: false, transfers: 'none' }),
        )
        console.log(
          [
            precision.padEnd(9),
            (unfused ?? '–').padEnd(10),
            String(built.marked).padStart(7),
            String(engine.plan.layers).padStart(6),
            (rmse(actual, golden) / deviation).toExponential(3),
            (rmse(actual, fused) / deviation).toExponential(3),
            median.toFixed(3).padStart(9),
            built.seconds.toFixed(0).padStart(7),
          ].join('  '),
        )
        await engine.release()
      } catch (thrown) {
        console.log(`${precision}  ${unfused ?? '–'}: ${thrown.message}`)
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
  await endWorkers()
}
