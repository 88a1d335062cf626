import type { Manifest } from '../golden/manifest.ts'
import type { ModelConfig } from './define-config.ts'

/** The outputs of a golden without those that the config ignores, which it names as the ONNX does. */
export function judgedOutputs(outputs: Manifest['outputs'], config: ModelConfig): Manifest['outputs'] {
  const ignored = config.ignoreOutputs ?? []
  return Object.fromEntries(
    Object.entries(outputs).filter(([output]) => !ignored.includes(onnxOutput(config, output))),
  )
}

/** What the ONNX calls an output of the golden; one that is derived outside the network has its own name. */
export function onnxOutput({ outputs }: ModelConfig, output: string): string {
  return outputs?.[output]?.onnx ?? output
}
