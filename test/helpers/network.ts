import { writeFileSync } from 'node:fs'
import { TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../src/onnx/model.ts'
import { modelOf, nodeOf, type Weight } from './graph.ts'

export type Node = [operator: string, inputs: string[], output: string, attributes?: Record<string, number[]>]
export type Weights = Record<string, Weight>

/** Writes an ONNX from `x` to `depth`, both float32 [1, 1, height, width], out of nodes and named weights. */
export function writeNetwork(path: string, size: [number, number], nodes: Node[], weights: Weights): void {
  const model = modelOf(
    18,
    {
      nodes: nodes.map(([operator, inputs, output, attributes]) =>
        nodeOf(operator, inputs, [output], attributes, { name: output }),
      ),
      inputs: [{ name: 'x', shape: [1, 1, ...size] }],
      // its shape is ONNX Runtime's to infer
      outputs: [{ name: 'depth', type: TensorProto_DataType.FLOAT }],
      weights,
    },
    9,
  )
  writeFileSync(path, Buffer.concat(encodeModel(model)))
}
