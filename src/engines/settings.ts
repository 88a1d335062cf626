import type { Precision } from './engine.ts'

interface Common {
  /** Of the model's precisions those that this engine runs; by default all. */
  precisions?: Precision[]
  /** Left out with a word, not an error, on a machine where this engine cannot work; by default false. */
  optional?: boolean
}

/** ONNX Runtime in this process. */
export interface OnnxRuntimeSettings extends Common {
  engine: 'onnxruntime'
  /** By default `cpu`. Of `cuda` and `tensorrt` every node must be placed there: nothing falls back to the CPU. */
  provider?: 'cpu' | 'cuda' | 'tensorrt'
  /** Number of the GPU; by default 0. */
  device?: number
}

/** TensorRT through its official Python bindings, in a process of its own. */
export interface TensorrtSettings extends Common {
  engine: 'tensorrt'
  /** The Python that has `tensorrt`; by default that of DEPTHGATE_PYTHON, else `python3`. */
  python?: string
  /** Number of the GPU; by default 0. */
  device?: number
  /**
   * `strong`, the default: types as the precision's ONNX says. `weak`: TensorRT chooses under the builder flags from the
   * FP32 ONNX, as plans before TensorRT 11 were made; refused on 11.
   */
  typing?: 'strong' | 'weak'
  /** 0 to 5; by default TensorRT's own, 3. */
  optimizationLevel?: number
  /** Most scratch memory that a layer may take, in MiB; by default all of the GPU. */
  workspaceMiB?: number
  /**
   * File of timings of kernels: builds that share it take less time and go by the same. By default one for each GPU and
   * TensorRT beside the plans; `false`: every build times kernels anew.
   */
  timingCache?: string | false
  /**
   * Allows TF32 kernels in networks of reduced precisions; in `fp32` never. Values of FP16 and BF16 have no more bits than
   * TF32, so their products are exact in it and summed in FP32. What a recipe keeps in FP32 is computed in TF32 then.
   */
  allowTf32?: boolean
  /** Leaves out rewrites that hide NaN, such as x − x → 0. */
  strictNans?: boolean
  /** Layers that stay FP32 under weak typing, by name or `/regex/`. */
  fp32Layers?: string[]
  versionCompatible?: boolean
  /** By default `none`: the plan runs on GPUs of this kind alone. */
  hardwareCompatibility?: 'none' | 'ampere+' | 'sameComputeCapability'
  /** Time limit of one build; by default 1800. */
  buildSeconds?: number
  /** Time limit of one inference; by default 120. */
  runSeconds?: number
  /** A plan that exists, or one a precision: what ships is what is judged. Nothing is built then. */
  plan?: string | { [precision in Precision]?: string }
}

/** How a command's arrays are laid out in a file without a header. */
export interface RawFormat {
  type: 'float32' | 'float16' | 'float64'
  /** Row-major; of an output, where it is not the shape of the golden. */
  shape: number[]
}

/** Any program that reads a tensor from a file and writes others. */
export interface CommandSettings extends Common {
  engine: 'command'
  /**
   * Program and arguments; no shell sees them. `{input}` is the scene's tensor, `{output}` the only output's file,
   * `{output:NAME}` that of one of several, `{onnx}` the ONNX of the precision, `{precision}` its name.
   */
  command: string[]
  /** By default `npy`; `raw` has no header, little-endian float32. */
  input?: 'npy' | 'raw'
  /** Outputs that are raw, by the name in the ONNX; all others are .npy. */
  raw?: { [output: string]: RawFormat }
  /** Folder in which it starts; by default the config's. */
  cwd?: string
  /** Names what the figures came from, such as the version of the program. */
  version?: string
  /** Time limit of one inference; by default 120. */
  seconds?: number
}

export type EngineSettings = OnnxRuntimeSettings | TensorrtSettings | CommandSettings

/** Where the arithmetic happens, in one word of a fingerprint. */
export function providerOf(settings: EngineSettings): string {
  switch (settings.engine) {
    case 'onnxruntime':
      return settings.provider ?? 'cpu'
    case 'tensorrt':
      return 'cuda'
    case 'command':
      return 'command'
  }
}

/** What an engine keeps busy: engines of one lane are run one after another. */
export function laneOf(settings: EngineSettings): string {
  switch (settings.engine) {
    case 'onnxruntime':
      return settings.provider === undefined || settings.provider === 'cpu'
        ? 'cpu'
        : `gpu ${settings.device ?? 0}`
    case 'tensorrt':
      return `gpu ${settings.device ?? 0}`
    case 'command':
      return 'command'
  }
}
