import type { NodeProto } from '../onnx/gen/onnx_pb.ts'
import type { PlacedNode } from '../onnx/graph.ts'
import { attributeOf } from '../onnx/nodes.ts'
import type { ShapeOf } from '../precision/accumulate.ts'
import { exact } from '../precision/operators.ts'
import type { Level } from './levels.ts'

/**
 * A nominal GPU: bytes and operations a second, by where a product is computed and summed. From the data sheet of an H100
 * SXM; only their ratios matter. Summing in FP32 is taken for half of FP16's rate.
 */
const nominal = {
  bytes: 3.35e12,
  rate: { quantized: 1.98e15, low: 9.9e14, rest: 9.9e14, sum: 4.95e14, full: 6.7e13 },
} as const

/** Bytes that a value takes. */
const width = { quantized: 1, low: 2, rest: 2, sum: 2, full: 4 } as const

/**
 * Seconds that some nodes would take on the nominal GPU: the longer of moving their tensors and computing them. No
 * measurement, and blind to fusion: what it is good for is comparing sets of nodes. Pure.
 */
export function costOf(nodes: readonly PlacedNode[], level: Level | 'quantized', shapeOf: ShapeOf): number {
  let seconds = 0
  for (const { node } of nodes) {
    const values = [...node.input, ...node.output].reduce((sum, name) => sum + sizeOf(shapeOf(name)), 0)
    const moved = (values * width[level]) / nominal.bytes
    seconds += exact.has(node.opType)
      ? moved
      : Math.max(moved, operations(node, shapeOf) / nominal.rate[level])
  }
  return seconds
}

/**
 * The squared error that a product adds by summing in fp16, over that which rounding makes it add. A running sum of n parts
 * of 16 products, of random signs, is rounded n times while it grows: n / 2 times the square of one rounding; rounding
 * both factors and the result is three of those. Kernels of MatMul round less often: of the squared error that TensorRT 10.6 adds to
 * Depth Pro by summing in FP16, an H200 measured 17 % in MatMul (docs/depth-pro.md), where this made it 42 % without `less`. What the
 * kernels of a network do is learned on the target. Pure.
 */
export function sumsOverRounding({ node }: PlacedNode, shapeOf: ShapeOf): number {
  const result = sizeOf(shapeOf(node.output[0] ?? ''))
  const terms = result > 0 ? operations(node, shapeOf) / (2 * result) : 0
  const less = node.opType === 'MatMul' || node.opType === 'Gemm' ? 0.3 : 1
  return (less * Math.max(0, Math.ceil(terms / 16) - 1)) / 6
}

/** Multiplications and additions of a node; what is no product is taken for one a value. */
function operations(node: NodeProto, shapeOf: ShapeOf): number {
  const [left = '', right = ''] = node.input
  const result = sizeOf(shapeOf(node.output[0] ?? ''))
  const weight = shapeOf(right) ?? []
  switch (node.opType) {
    case 'MatMul':
      return 2 * result * lengthOf(shapeOf(left)?.at(-1))
    case 'Gemm':
      return 2 * result * lengthOf(shapeOf(left)?.at(attributeOf(node, 'transA')?.i === 1n ? 0 : 1))
    case 'Conv':
      return 2 * result * sizeOf(weight.slice(1))
    case 'ConvTranspose':
      return 2 * sizeOf(shapeOf(left)) * sizeOf(weight.slice(1))
    default:
      return result
  }
}

/** How many values a shape holds; lengths that are not known count as one. */
function sizeOf(shape: readonly (number | string)[] | undefined): number {
  return shape === undefined ? 0 : shape.reduce<number>((size, length) => size * lengthOf(length), 1)
}

function lengthOf(length: number | string | undefined): number {
  return typeof length === 'number' ? length : 1
}
