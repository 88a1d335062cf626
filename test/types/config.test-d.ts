/** `npm run types` runs these: a line that should be an error and is none is an error itself. */
import type { Config, OutputConfig } from 'depthgate'
import { defineConfig } from 'depthgate/config'
import { assertType, expectTypeOf } from 'vitest'

const model = { onnx: 'models/midas.onnx' }

expectTypeOf(defineConfig({ models: { midas: model } })).toEqualTypeOf<Config>()
assertType<Config>({
  models: {
    midas: {
      onnx: { fp32: 'a.onnx', fp16: 'b.onnx' },
      precisions: ['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8'],
      fusion: 'off',
      engines: ['cpu'],
      truth: { file: 'truth/{scene}.npy', keeps: 0.99 },
      outputs: {
        depth: { range: { min: 0.1 }, tolerance: { fp16: { rmse: '1%', absRel: 0.01, strays: false } } },
      },
      recipes: {
        fp16: { keep: ['/^head/', /^tail/], accumulate: { fp32: ['Softmax'] } },
        int8: {
          operators: ['Conv'],
          calibration: { method: 'entropy' },
          calibrator: (_tensor, { max }) => max,
        },
      },
      budget: {
        median: '40 ms',
        fp16: { speedup: 10 },
        engines: { cpu: { median: false, int8: { p95: 9 } } },
      },
    },
  },
  baseline: { margin: { relative: 0.1 }, anyCpu: true },
})

// @ts-expect-error no models
defineConfig({})
// @ts-expect-error no ONNX
defineConfig({ models: { midas: {} } })
// @ts-expect-error a mistyped key of the whole
defineConfig({ models: { midas: model }, baselines: {} })
// @ts-expect-error a mistyped key of a model
defineConfig({ models: { midas: { ...model, ouputs: {} } } })
// @ts-expect-error a mistyped precision
defineConfig({ models: { midas: { ...model, precisions: ['fp61'] } } })
// @ts-expect-error a mistyped precision of an ONNX
defineConfig({ models: { midas: { onnx: { fp61: 'a.onnx' } } } })
// @ts-expect-error fusion is on or off
defineConfig({ models: { midas: { ...model, fusion: true } } })
// @ts-expect-error a mistyped metric
assertType<OutputConfig>({ tolerance: { fp16: { absrel: 0.1 } } })
// @ts-expect-error a limit without its per cent sign
assertType<OutputConfig>({ tolerance: { fp16: { rmse: '1' } } })
// @ts-expect-error a mistyped limit of a budget
defineConfig({ models: { midas: { ...model, budget: { fp16: { medain: 1 } } } } })
// @ts-expect-error a latency without its unit apart
defineConfig({ models: { midas: { ...model, budget: { median: '40ms' } } } })
// @ts-expect-error fp32 is made by nobody
defineConfig({ models: { midas: { ...model, recipes: { fp32: {} } } } })
// @ts-expect-error a key of the other kind of recipe
defineConfig({ models: { midas: { ...model, recipes: { fp16: { keepFirst: true } } } } })
// @ts-expect-error an operator that is not quantised
defineConfig({ models: { midas: { ...model, recipes: { int8: { operators: ['Softmax'] } } } } })

// the kind of an engine decides its other keys
defineConfig({
  models: { midas: model },
  engines: {
    cuda: { engine: 'onnxruntime', provider: 'cuda', device: 1, optional: true },
    trt: { engine: 'tensorrt', typing: 'strong', plan: { fp16: 'midas.plan' }, precisions: ['fp16'] },
    app: {
      engine: 'command',
      command: ['./run', '{input}', '{output}'],
      raw: { depth: { type: 'float16', shape: [1] } },
    },
  },
})
// @ts-expect-error no kind
defineConfig({ models: { midas: model }, engines: { cuda: { provider: 'cuda' } } })
// @ts-expect-error a mistyped kind
defineConfig({ models: { midas: model }, engines: { trt: { engine: 'tensort' } } })
// @ts-expect-error a key of TensorRT
defineConfig({ models: { midas: model }, engines: { cpu: { engine: 'onnxruntime', workspaceMiB: 1 } } })
// @ts-expect-error a provider that does not exist
defineConfig({ models: { midas: model }, engines: { cpu: { engine: 'onnxruntime', provider: 'rocm' } } })
// @ts-expect-error a command without one
defineConfig({ models: { midas: model }, engines: { app: { engine: 'command' } } })
