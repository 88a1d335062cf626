import type { NodePattern } from '../precision/keep.ts'
import type { Model } from './config.ts'

/** How depthgate makes the fp16 or bf16 variant of a model. */
export interface ReducedRecipe {
  /** Nodes that stay FP32: by name, operator type, `#place`, or a pattern over names (`/regex/` or a RegExp). */
  keep?: NodePattern[]
  /**
   * Where MatMul, Gemm, Conv and ConvTranspose are summed. `engine`, the default: as its kernels do; an emulation sums in
   * FP32. `fp32`: Casts around them, which TensorRT turns into FP32 accumulation, or around those that are listed.
   * `fp16`: an emulation sums in FP16 too, 16 products at a time, as FP16 tensor cores may; for small networks.
   */
  accumulate?: 'engine' | 'fp32' | 'fp16' | { fp32: NodePattern[] }
  /** Weights under half of fp16's smallest become zero instead of ±2⁻²⁴. */
  flushTiny?: boolean
}

/** The recipe of a model's precision; empty where the config has none. */
export function reducedRecipe({ config }: Model, precision: 'fp16' | 'bf16'): ReducedRecipe {
  return config.recipes?.[precision] ?? {}
}
