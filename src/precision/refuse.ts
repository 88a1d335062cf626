import { DepthgateError } from '../base/errors.ts'
import { type GraphProto, type ModelProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { placedNodes } from '../onnx/graph.ts'
import { attributeOf, bodiesOf, opsetOf } from '../onnx/nodes.ts'
import type { QuantizedFormat } from './quantized-weight.ts'
import type { RoundedFormat } from './round.ts'

const reducedTypes = new Set<number>([TensorProto_DataType.FLOAT16, TensorProto_DataType.BFLOAT16])

/** The oldest opset in which a format can be used, or raised from; before, its operators mean something else. */
const oldest = { fp16: 7, bf16: 13, int8: 13, fp8: 13 } as const

const names = {
  fp16: 'fp16 of today',
  bf16: 'bfloat16',
  int8: 'scales for each channel',
  fp8: 'float8, nor can it be raised to 19, which has',
} as const

/** Throws where a model cannot be converted as a whole: it is reduced already, or written for operators that are too old. */
export function refuseUnfit(model: ModelProto, format: RoundedFormat | QuantizedFormat, file: string): void {
  const found = reducedTensor(model.graph!)
  if (found !== undefined)
    throw new DepthgateError(
      'precision',
      `${file}: is in a reduced precision already (${found}). Start from the FP32 export, or name this file in \`onnx: { ${format}: '…' }\``,
    )
  const [inline] = model.functions
  if (inline)
    throw new DepthgateError(
      'precision',
      `${file}: holds the function ${JSON.stringify(inline.name)}, whose inside would stay FP32. Inline it with Python's onnx.inliner.inline_local_functions`,
    )
  const twice = repeatedName(model.graph!)
  if (twice !== undefined)
    throw new DepthgateError(
      'precision',
      `${file}: two nodes have the same name ${JSON.stringify(twice)}, which ONNX Runtime refuses. Give each its own, or none`,
    )
  const opset = opsetOf(model)
  if (opset < oldest[format])
    throw new DepthgateError(
      'precision',
      `${file}: opset ${opset} has no ${names[format]}; export with opset ${oldest[format]} or later`,
    )
  const [sparse] = model.graph!.sparseInitializer
  if (sparse)
    throw new DepthgateError(
      'precision',
      `${file}: the weight ${JSON.stringify(sparse.values?.name)} is sparse, which cannot be converted. Export it dense`,
    )
}

/** The name of a tensor of a reduced type, in any scope. */
function reducedTensor(graph: GraphProto): string | undefined {
  const port = [...graph.input, ...graph.output].find(
    ({ type }) => type?.value.case === 'tensorType' && reducedTypes.has(type.value.value.elemType),
  )
  const weight = graph.initializer.find(({ dataType }) => reducedTypes.has(dataType))
  if (port || weight) return (port ?? weight)!.name
  for (const { node } of placedNodes(graph)) {
    const constant = node.opType === 'Constant' ? attributeOf(node, 'value')?.t?.dataType : undefined
    const target = node.opType === 'Cast' ? Number(attributeOf(node, 'to')?.i ?? 0) : 0
    if (reducedTypes.has(constant ?? target)) return node.output[0]
    for (const body of bodiesOf(node)) {
      const inside = body.initializer.find(({ dataType }) => reducedTypes.has(dataType))
      if (inside) return inside.name
    }
  }
  return undefined
}

function repeatedName(graph: GraphProto): string | undefined {
  const seen = new Set<string>()
  return graph.node.find(({ name }) => name !== '' && seen.size === seen.add(name).size)?.name
}
