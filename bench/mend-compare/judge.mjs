// Holds what ONNX Runtime computed against the golden, for peers.py: a line {output: file.npy} in, true or false out.
//   node judge.mjs CONFIG MODEL SCENE
import { createInterface } from 'node:readline'
import { asDepthMap } from '../../dist/depth/depth-map.js'
import { findModel, loadConfig } from '../../dist/gate/config.js'
import { judgeInference } from '../../dist/gate/judge-scene.js'
import { metricDepth, readNpy } from '../../dist/index.js'

const [config, name, scene] = process.argv.slice(2)
const model = findModel(loadConfig(config), name)

for await (const line of createInterface({ input: process.stdin })) {
  const outputs = Object.fromEntries(
    Object.entries(JSON.parse(line)).map(([output, file]) => {
      const array = readNpy(file)
      return [output, array.data.length === 1 ? array.data[0] : asDepthMap(array, file)]
    }),
  )
  if ('depth' in model.golden.manifest.outputs && !('depth' in outputs))
    outputs.depth = metricDepth(outputs.inverse_depth, outputs.fov_deg)
  const about = { scene, precision: 'fp16', engine: 'onnxruntime', fingerprint: {}, notes: [] }
  console.log(judgeInference(model, { ...about, outputs }).verdict.pass)
}
