import type { Fusion, Precision } from '../engines/engine.ts'
import type { EngineSettings } from '../engines/settings.ts'
import type { ModelBudget } from './budget.ts'
import type { QuantizedRecipe, ReducedRecipe } from './recipe.ts'
import type { Tolerance } from './tolerance.ts'

/** The pixels that count, by the golden's value in the output's own unit; both ends inclusive. */
export interface Range {
  min?: number
  max?: number
}

export interface OutputConfig {
  /** The ONNX output that gives this golden output; by default the one of the same name. */
  onnx?: string
  /** By default every finite golden pixel above 0 counts. */
  range?: Range
  /** Limits over the defaults, by precision. */
  tolerance?: { [precision in Precision]?: Tolerance }
}

export interface ModelConfig {
  /** Path of the ONNX, or one a precision. Paths are relative to the config's folder. */
  onnx: string | { [precision in Precision]?: string }
  /** The golden's folder; by default `golden/<model>`. */
  golden?: string
  /** Name of the ONNX's input, checked when it is given. */
  input?: string
  /** Outputs of the ONNX that are left unjudged on purpose; any other that no golden holds is an error. */
  ignoreOutputs?: string[]
  /** By the golden's output names. */
  outputs?: { [output: string]: OutputConfig }
  /** What `depthgate gate` runs it on, by the names in `engines`; by default all of those. */
  engines?: string[]
  /** By default `on`. */
  fusion?: Fusion
  /** How depthgate makes a precision from the FP32 model; a text is the path of a plan that `depthgate mend` wrote. */
  recipes?: {
    fp16?: ReducedRecipe | string
    bf16?: ReducedRecipe | string
    int8?: QuantizedRecipe | string
    fp8?: QuantizedRecipe | string
  }
  /** What `depthgate gate` runs; by default every precision that `onnx` names, `fp32` for a single path. */
  precisions?: Precision[]
  /** Ground truth, for the question of task quality that is kept apart from fidelity. */
  truth?: TruthConfig
  /** What an inference may take; `depthgate bench` and `toMeetBudget` hold it. */
  budget?: ModelBudget
}

/** Where the ground truth of a model's scenes lies. Scenes without such a file have none. */
export interface TruthConfig {
  /** Path of a .npy with `{scene}` in it: H×W, depth in metres at the network's size; NaN or 0 where it is unknown. */
  file: string
  /** The golden's output that is held against it; by default the one that people look at first. */
  output?: string
  /** Truth that counts, in metres; by default every finite one above 0. Sky is best left out. */
  range?: Range
  /** Share of PyTorch's quality that the engine must keep, such as 0.99; without it quality is told, not judged. */
  keeps?: number
}

/** How baselines are kept and held. */
export interface BaselineConfig {
  /**
   * How far a metric may move from its baseline before it counts: the larger of a share of the accepted loss (`relative`,
   * by default 0.05) and a share of the metric's limit (`ofLimit`, by default 0.01; `rebuilt`, by default 0.2, where
   * TensorRT builds, which chooses kernels anew each time).
   */
  margin?: { relative?: number; ofLimit?: number; rebuilt?: number }
  /** One baseline for all CPUs of an architecture, for CI whose machines differ; by default each model has its own. */
  anyCpu?: boolean
}

export interface Config {
  $schema?: string
  models: { [model: string]: ModelConfig }
  /** By a name of your own. `cpu`, ONNX Runtime on the CPU, is always there; by default it is the only one. */
  engines?: { [name: string]: EngineSettings }
  /** Where pictures of failures go; by default `.depthgate/failures`. */
  failures?: string
  /** Where variants, plans and what `depthgate mend` tried are kept; by default `.depthgate`. DEPTHGATE_CACHE wins over it. */
  cache?: string
  baseline?: BaselineConfig
}

/** Types a depthgate.config.ts; returns its argument. */
export function defineConfig(config: Config): Config {
  return config
}
