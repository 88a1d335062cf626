import { defineConfig } from 'depthgate/config'

/** As the tests beside this file, whose plans it shares. */
const optimizationLevel = Number(process.env.DEPTHGATE_LEVEL ?? 1)
const timingCache = process.env.DEPTHGATE_GPU_TIMINGS

/** The bundled network on a GPU host, for `depthgate gate --config` and `depthgate bench --config`. */
export default defineConfig({
  engines: {
    trt: { engine: 'tensorrt', optimizationLevel, ...(timingCache && { timingCache }) },
    'trt-weak': { engine: 'tensorrt', optimizationLevel, typing: 'weak', precisions: ['fp16', 'int8'] },
    'ort-cuda': {
      engine: 'onnxruntime',
      provider: 'cuda',
      precisions: ['fp32', 'tf32', 'fp16'],
      optional: true,
    },
    'ort-tensorrt': { engine: 'onnxruntime', provider: 'tensorrt', precisions: ['tf32'], optional: true },
  },
  models: {
    pocket: {
      onnx: '../../models/pocket/pocket.onnx',
      golden: '../../golden/pocket',
      input: 'image',
      precisions: ['fp32', 'tf32', 'fp16', 'bf16', 'int8'],
      recipes: {
        // TensorRT 10.6 has no kernel of BF16 for it
        bf16: { keep: ['Resize', 'ConvTranspose'] },
        int8: { keep: ['/^head\\./', '/^decoder\\.levels\\.\\d\\.(up|out)\\./'] },
      },
      outputs: {
        inverse_depth: { range: { min: 0.01 } },
        depth: { range: { min: 0.1, max: 60 }, tolerance: { bf16: { rmse: '15%' } } },
      },
    },
  },
})
