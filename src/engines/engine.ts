import type { NdArray } from 'ndarray'
import type { FloatArray } from '../depth/depth-map.ts'
import type { EngineSettings } from './settings.ts'
import type { Layers } from './tensorrt/layers.ts'
import type { LayerTimes, ProfileRequest } from './tensorrt/profile.ts'
import type { RawTiming, TimingRequest } from './timing.ts'

export const precisions = ['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8'] as const
export type Precision = (typeof precisions)[number]

/** Whether the engine may merge and rewrite operators. */
export type Fusion = 'on' | 'off'

/** Everything that changes numbers. Two runs with equal fingerprints may be compared digit by digit. */
export interface Fingerprint {
  /** SHA-256 of the ONNX, with its external data; of a prebuilt plan or a command, of what was run in its place. */
  onnx: string
  precision: Precision
  fusion: Fusion
  /** `emulated`: FP32 kernels on a model whose every tensor is rounded to the precision. */
  arithmetic: 'native' | 'emulated'
  engine: string
  engineVersion: string
  provider: string
  /** Name of the processor or GPU. */
  device: string
  /** Such as `9.0`; of a GPU. */
  computeCapability?: string
  driver?: string
  /** Whether FP32 products may be computed with 10 bits of mantissa. */
  tf32?: 'on' | 'off'
  /** Options of the engine that change numbers, where they are not its defaults. */
  options?: Readonly<Record<string, string | number | boolean>>
}

/** What to load. */
export interface EngineRequest {
  /** Path of the ONNX that holds this precision. */
  onnx: string
  /** Whether that ONNX is the FP32 model with every tensor rounded to the precision, or of a quantised one to its rest. */
  emulated: boolean
  precision: Precision
  fusion: Fusion
  /** Which engine, with paths that are absolute. */
  engine: EngineSettings
  /** Folder for what is slow to make and may be deleted at any time, such as plans. */
  cache: string
  /** The config's folder: a fingerprint tells paths from there, so that it is alike on every machine. */
  root: string
  /** Of the scenes' tensors, for a network with axes of unknown length. */
  shape?: readonly number[]
  /** With fusion off: the tensors that are kept whole, and can be fetched; by default all of floats. */
  marks?: readonly string[]
  /** What a quantiser that TensorRT drives may look at; absent where there is nothing. */
  calibration?: Calibration
}

/** Scenes to calibrate on. `hash` stands for them in keys. */
export interface Calibration {
  hash: string
  tensors(): Iterable<NdArray<FloatArray>>
}

/** One input or output of a loaded network; an axis of unknown length is its symbol. */
export interface Port {
  name: string
  type: string
  shape: readonly (number | string)[]
}

export interface EngineRun {
  /** By output name, float16 widened to float32. */
  outputs: Record<string, NdArray<FloatArray>>
  /** Wall time of the run itself, without loading. */
  milliseconds: number
}

/** A loaded network that can be run on scene after scene. */
export interface Engine {
  readonly fingerprint: Fingerprint
  readonly inputs: readonly Port[]
  readonly outputs: readonly Port[]
  /** Tensors that are kept whole besides its outputs, where fusion is off; `run` fetches them too. */
  readonly marked?: readonly Port[]
  /** What a reader of the figures must know, such as arithmetic that differs from the precision's name. */
  readonly notes: readonly string[]
  /** What TensorRT made of the network. */
  readonly plan?: PlanFacts
  /** That the GPU lost when it was loaded, where it is known: weights, and what an inference needs. */
  readonly deviceBytes?: number
  /** Runs the network once on its one input. `fetch` names the outputs to bring back; `input`, if given, must be the input's name. */
  run(tensor: NdArray<FloatArray>, fetch: readonly string[], input?: string): Promise<EngineRun>
  /** Times the network on a tensor, where the engine can be timed. */
  time?(tensor: NdArray<FloatArray>, settings: TimingRequest): Promise<RawTiming>
  /** Times each layer of the plan on a tensor, where the plan was built here. */
  profile?(tensor: NdArray<FloatArray>, settings: ProfileRequest): Promise<LayerTimes>
  release(): Promise<void>
}

/** A TensorRT plan: how large it is, what it is made of. `undefined` where a prebuilt plan does not tell. */
export interface PlanFacts {
  path: string
  /** Of the file. */
  bytes: number | undefined
  buildSeconds: number | undefined
  /** Whether it was built for this request, and not found in the cache. */
  fresh: boolean
  layers: number
  inspection: Layers | undefined
  /** Scratch memory of one inference alone. */
  activationBytes: number
}
