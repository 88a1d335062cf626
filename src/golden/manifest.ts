/** The types of manifest.json. A test checks them against the JSON Schema, which is the definition. */

/**
 * What an output means.
 * `metric-depth`: metres along the optical axis. `inverse-depth`: 1/metres.
 * `canonical-inverse-depth`: inverse depth for a focal length of one image width (Depth Pro); needs a field of view.
 * `relative-depth`, `relative-inverse-depth`: up to a scale that the model chooses (MiDaS, Depth Anything).
 * `fov`: horizontal field of view in degrees, one number a scene.
 */
export type OutputKind =
  | 'metric-depth'
  | 'inverse-depth'
  | 'canonical-inverse-depth'
  | 'relative-depth'
  | 'relative-inverse-depth'
  | 'fov'

export interface OutputSpec {
  kind: OutputKind
  /** Computed outside the network from `canonical-inverse-depth` and `fov`. */
  derived?: true
}

/** How a picture's pixels become the network's input: (pixel / 255 − mean) / std, RGB, NCHW, float32. */
export interface Preprocessing {
  color: 'rgb'
  layout: 'nchw'
  mean: [number, number, number]
  std: [number, number, number]
}

/** A file inside the golden's folder, with the hash of its bytes. */
export interface FileRecord {
  file: string
  sha256: string
}

export interface MapRecord extends FileRecord {
  shape: [number, number]
}

export interface ScalarRecord {
  value: number
}

export interface SceneRecord {
  input: FileRecord
  outputs: { [output: string]: MapRecord | ScalarRecord }
  /** Where an imported golden came from, in its importer's words. */
  source?: string
}

/** Everything about the PyTorch run that could change numbers. */
export interface CaptureRecord {
  /** `file.py:factory` */
  factory: string
  /** SHA-256 over the names, shapes and bytes of all parameters and buffers. */
  weights: string
  parameters: number
  torch: string
  python: string
  device: string
  dtype: 'float32'
  flags: { tf32: false; deterministic: true; cudnn_benchmark: false; bitwise_repeatable: boolean }
  /** SHA-256 of the ONNX that was exported from this model, where one was named. */
  onnx?: string
}

export interface Manifest {
  $schema?: string
  schemaVersion: 1
  model: string
  input: Preprocessing
  outputs: { [output: string]: OutputSpec }
  capture?: CaptureRecord
  scenes: { [scene: string]: SceneRecord }
}
