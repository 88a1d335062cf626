import type { InferenceSession } from 'onnxruntime-node'
import { DepthgateError } from '../../base/errors.ts'
import type { EngineRequest, Fingerprint, Precision } from '../engine.ts'
import { gpuFacts } from '../gpu.ts'
import { type OnnxRuntimeSettings, providerOf } from '../settings.ts'

const names = { cuda: 'CUDA', tensorrt: 'TensorRT' } as const

/**
 * Quantised products are computed in FP32 between their Q/DQ, exactly: without VNNI the integer kernels for x86 saturate in
 * 16 bits, and a MatMul comes out wrong by half. No CPU is to be told from another by its verdict.
 */
const withoutIntegerKernels = { session: { disable_quant_qdq: '1' } }

/**
 * What ONNX Runtime 1.30 rewrites wrongly around float8: it hands float8 to operators that do not take it, and drops a
 * Relu before QuantizeLinear, which holds negative numbers there. All other rewrites stay.
 */
const withoutFloat8Faults = {
  ...withoutIntegerKernels,
  optimization: { disable_specified_optimizers: 'ReluQuantRewrite' },
}

const extras: { [precision in Precision]?: { session: object } } = {
  int8: withoutIntegerKernels,
  fp8: withoutFloat8Faults,
}

/** How a session of the provider is made: on a GPU nothing may fall back to the CPU. */
export function providerOptions({
  engine,
  fusion,
  precision,
}: Pick<EngineRequest, 'engine' | 'fusion' | 'precision'>): InferenceSession.SessionOptions {
  const provider = providerOf(engine)
  const { session, ...extra } = extras[precision] ?? { session: {} }
  const options: InferenceSession.SessionOptions = {
    graphOptimizationLevel: fusion === 'on' ? 'all' : 'disabled',
    logSeverityLevel: 3,
  }
  if (provider === 'cpu') return { ...options, executionProviders: ['cpu'], extra: { ...extra, session } }
  const { device = 0 } = engine as OnnxRuntimeSettings
  return {
    ...options,
    executionProviders: [{ name: provider, deviceId: device } as InferenceSession.ExecutionProviderConfig],
    extra: { ...extra, session: { ...session, disable_cpu_ep_fallback: '1' } },
  }
}

/**
 * Whether FP32 products are computed in TF32, as far as it is known. ONNX Runtime's GPU kernels do so by default, and only
 * a variable that NVIDIA's libraries read when they are loaded keeps them from it.
 */
function tf32State(override: string | undefined): 'on' | 'off' {
  return override === '0' ? 'off' : 'on'
}

/** Throws where a request cannot be what it is called: the arithmetic of a GPU provider is not chosen per session. */
export function checkArithmetic({ engine, precision, emulated, fusion, onnx }: EngineRequest): void {
  const provider = providerOf(engine)
  if (provider !== 'cuda' && provider !== 'tensorrt') return
  if (provider === 'tensorrt' && fusion === 'off')
    throw new DepthgateError(
      'engine',
      `${onnx}: ONNX Runtime's TensorRT provider always fuses. Declare an engine of its own for fusion: 'off': { engine: 'tensorrt' }`,
    )
  if (provider === 'tensorrt' && emulated)
    throw new DepthgateError(
      'engine',
      `${onnx}: ONNX Runtime's TensorRT provider may drop the Casts of an emulation. Emulate on { engine: 'onnxruntime' } with the provider cpu or cuda`,
    )
  const tf32 = tf32State(process.env.NVIDIA_TF32_OVERRIDE)
  // an emulation is made of FP32 kernels
  const inFp32 = precision === 'fp32' || emulated
  if (inFp32 && tf32 === 'on')
    throw new DepthgateError(
      'engine',
      `${onnx}: ONNX Runtime's ${names[provider]} provider computes FP32 in TF32 unless NVIDIA_TF32_OVERRIDE=0 stands in the environment before this process starts. ${emulated ? 'Set it' : 'Set it, or name the precision tf32'}`,
    )
  if (precision === 'tf32' && tf32 === 'off')
    throw new DepthgateError(
      'engine',
      `${onnx}: NVIDIA_TF32_OVERRIDE=0 keeps TF32 off in this process. Remove it from the environment, or name the precision fp32`,
    )
}

/** What the fingerprint of a GPU provider has beside the CPU's. */
export function gpuFingerprint(settings: OnnxRuntimeSettings): Partial<Fingerprint> {
  const gpu = gpuFacts(settings.device ?? 0)
  const tf32 = tf32State(process.env.NVIDIA_TF32_OVERRIDE)
  if ('reason' in gpu) return { device: `unknown GPU (${gpu.reason})`, tf32 }
  return { device: gpu.name, driver: gpu.driver, computeCapability: gpu.computeCapability, tf32 }
}

/** Why a session of a GPU provider is not to be had, and what mends it. */
export interface ProviderFault {
  /** `engine-missing`: it cannot work on this machine at all. */
  code: 'engine' | 'engine-missing'
  reason: string
  fix: string
}

/** A provider's own words sorted. Pure. */
export function providerFault(provider: string, message: string): ProviderFault {
  const name = names[provider as keyof typeof names]
  if (/disable_cpu_ep_fallback|fallback to CPU EP has been explicitly disabled/i.test(message))
    return {
      code: 'engine',
      reason: `the ${name} provider would leave nodes of it to the CPU, which is not what was asked for`,
      fix: 'Fold constants and shapes when you export, or run it on an engine that takes every node',
    }
  if (/load (shared )?library|cannot open shared object|LoadLibrary|not enabled in this build/i.test(message))
    return {
      code: 'engine-missing',
      reason: `ONNX Runtime's ${name} provider does not load: ${message}`,
      fix: `Install it with ONNXRUNTIME_NODE_INSTALL=true npm rebuild onnxruntime-node; it needs CUDA 12 and cuDNN 9${provider === 'tensorrt' ? ' and TensorRT 10' : ''} in LD_LIBRARY_PATH`,
    }
  if (
    /no CUDA-capable device|CUDA driver version is insufficient|CUDA failure 100|cudaErrorNoDevice/i.test(
      message,
    )
  )
    return {
      code: 'engine-missing',
      reason: `there is no GPU for the ${name} provider: ${message}`,
      fix: 'See: nvidia-smi',
    }
  return {
    code: 'engine',
    reason: `ONNX Runtime's ${name} provider failed: ${message}`,
    fix: 'See: nvidia-smi',
  }
}
