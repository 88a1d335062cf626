// What ONNX Runtime's GPU providers make of FP32: the error against PyTorch's FP32 tells whether TF32 is on.
// Run it as it is and under NVIDIA_TF32_OVERRIDE=0. Needs a GPU; no build.
//   node bench/tensorrt/providers.mjs
import ort from 'onnxruntime-node'
import { findModel, loadConfig } from '../../dist/gate/config.js'
import { readInput, readTruth } from '../../dist/golden/store.js'

const model = findModel(loadConfig(), 'pocket')
const scene = 'room'
const tensor = readInput(model.golden, scene)
const golden = readTruth(model.golden, scene, 'inverse_depth').data
const mean = golden.reduce((sum, x) => sum + x, 0) / golden.length
const rmse = other => Math.sqrt(golden.reduce((sum, x, i) => sum + (x - other(i)) ** 2, 0) / golden.length)

console.log(`NVIDIA_TF32_OVERRIDE=${process.env.NVIDIA_TF32_OVERRIDE ?? ''}`)
for (const name of ['cpu', 'cuda', 'tensorrt'])
  try {
    const session = await ort.InferenceSession.create('models/pocket/pocket.onnx', {
      executionProviders: [name === 'cpu' ? name : { name, deviceId: 0 }],
      logSeverityLevel: 3,
      ...(name !== 'cpu' && { extra: { session: { disable_cpu_ep_fallback: '1' } } }),
    })
    const { inverse_depth } = await session.run({
      image: new ort.Tensor('float32', tensor.data, tensor.shape),
    })
    console.log(
      `${name.padEnd(9)} RMSE/std ${(rmse(i => inverse_depth.data[i]) / rmse(() => mean)).toExponential(3)}`,
    )
    await session.release()
  } catch (thrown) {
    console.log(`${name.padEnd(9)} ${thrown.message}`)
  }
