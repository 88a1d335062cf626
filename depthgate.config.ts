import { defineConfig } from 'depthgate/config'

export default defineConfig({
  models: {
    pocket: {
      onnx: 'models/pocket/pocket.onnx',
      input: 'image',
      // on the CPU fp16 and bf16 are emulated
      precisions: ['fp32', 'fp16', 'bf16', 'int8'],
      recipes: {
        // What the decoder hands from level to level, and all that the head reads, holds the depth itself: eight bits of
        // it are too few. Blocks whose result is added to it are quantised, and so are the two transformers.
        int8: { keep: ['/^head\\./', '/^decoder\\.levels\\.\\d\\.(up|out)\\./'] },
      },
      // the rendered scenes have exact depth, their sky at 60 m; the photographs have none
      truth: { file: 'fixtures/scenes/{scene}.truth.npy', range: { max: 59 }, keeps: 0.99 },
      outputs: {
        // The network was trained from 0.3 m to 60 m. What it puts beyond is sky: there an error
        // in metres says nothing, and `strays` sees to it that sky stays sky.
        inverse_depth: { range: { min: 0.01 } },
        // bfloat16 keeps 8 bits of an inverse depth near 0.01, and 1/x turns that into metres
        depth: { range: { min: 0.1, max: 60 }, tolerance: { bf16: { rmse: '15%' } } },
      },
    },
  },
})
