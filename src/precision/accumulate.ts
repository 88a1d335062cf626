import { create } from '@bufbuild/protobuf'
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../onnx/gen/onnx_pb.ts'
import { freshNames } from '../onnx/graph.ts'
import { attributeOf, castNode, isStandard } from '../onnx/nodes.ts'
import { products } from './operators.ts'

/** Products that a tensor core adds up before it rounds (the depth of its FP16 instructions). */
const depth = 16

/** Lengths of a tensor's axes; a text where one is not known. */
export type ShapeOf = (tensor: string) => readonly (number | string)[] | undefined

/**
 * Lets a model that is emulated in fp16 sum its products in FP16 too, in place: MatMul, Gemm, Conv and ConvTranspose add
 * up `block` products at a time along the reduced axis, in FP32, and the running sum is rounded to fp16 after each. For a
 * convolution the reduced axis runs over the channels of one place of its window after another, as in an implicit matrix
 * product in channels-last layout. Scale and bias come after the sum.
 *
 * What it can emulate has lengths that are known, and no groups or automatic padding; the rest stays summed in FP32.
 * @param chosen which of the products are summed so
 * @returns how many are
 */
export function sumInFp16(
  model: ModelProto,
  shapeOf: ShapeOf,
  chosen: (node: NodeProto) => boolean,
  block = depth,
): number {
  const graph = model.graph!
  const dims = new Map(graph.initializer.map(tensor => [tensor.name, tensor.dims.map(Number)]))
  const build = new Builder(graph)
  let summed = 0
  for (const node of graph.node) {
    const plan =
      products.has(node.opType) && isStandard(node.domain) && chosen(node)
        ? planSum(node, name => dims.get(name) ?? shapeOf(name), block)
        : undefined
    if (!plan) build.nodes.push(node)
    else {
      emitSum(build, node, plan)
      summed++
    }
  }
  graph.node = build.nodes
  return summed
}

/** One part of a sum: a piece of each operand, for a convolution at one place of its window. */
type Plan =
  | { type: 'matrix'; leftAxis: number; rightAxis: number; lengths: number[] }
  | { type: 'transposed'; lengths: number[] }
  | {
      type: 'window'
      lengths: number[]
      places: { row: number; column: number }[]
      pads: number[]
      dilations: number[]
      kernel: number[]
    }

/** How a product is taken apart; `undefined` where one block holds it all, or it cannot be. */
function planSum(node: NodeProto, shapeOf: ShapeOf, block: number): Plan | undefined {
  const [left, right] = node.input.slice(0, 2).map(name => shapeOf(name))
  if (!left || !right) return undefined
  const integer = (name: string, otherwise: number) => Number(attributeOf(node, name)?.i ?? otherwise)
  const integers = (name: string, otherwise: number[]) =>
    attributeOf(node, name)?.ints.map(Number) ?? otherwise
  switch (node.opType) {
    case 'MatMul':
    case 'Gemm': {
      const leftAxis = integer('transA', 0) === 1 ? 0 : left.length - 1
      const rightAxis = right.length === 1 ? 0 : right.length - (integer('transB', 0) === 1 ? 1 : 2)
      const lengths = pieces(left[leftAxis], block)
      return lengths && { type: 'matrix', leftAxis, rightAxis, lengths }
    }
    case 'ConvTranspose': {
      const lengths = pieces(right[0], block)
      return integer('group', 1) === 1 && lengths ? { type: 'transposed', lengths } : undefined
    }
    default: {
      const kernel = right.slice(2).map(Number)
      const automatic = attributeOf(node, 'auto_pad')?.s
      if (
        integer('group', 1) !== 1 ||
        kernel.length !== 2 ||
        (automatic && !/^(NOTSET|VALID)$/.test(Buffer.from(automatic).toString()))
      )
        return undefined
      const channels = Number(right[1])
      const lengths = pieces(channels, block) ?? [channels]
      const places = kernel[0]! * kernel[1]!
      if (lengths.length * places === 1 || Number.isNaN(channels)) return undefined
      return {
        type: 'window',
        lengths,
        places: Array.from({ length: places }, (_, place) => ({
          row: Math.floor(place / kernel[1]!),
          column: place % kernel[1]!,
        })),
        pads: integers('pads', [0, 0, 0, 0]),
        dilations: integers('dilations', [1, 1]),
        kernel,
      }
    }
  }
}

/** `length` in pieces of `block`; `undefined` where there is but one, or the length is unknown. */
function pieces(length: number | string | undefined, block: number): number[] | undefined {
  if (typeof length !== 'number' || length <= block) return undefined
  return Array.from({ length: Math.ceil(length / block) }, (_, i) => Math.min(block, length - i * block))
}

function emitSum(build: Builder, node: NodeProto, plan: Plan): void {
  const [left = '', right = '', bias = ''] = node.input
  const output = node.output[0]!
  const scaled = node.opType === 'Gemm'
  const alpha = scaled ? (attributeOf(node, 'alpha')?.f ?? 1) : 1
  const beta = scaled ? (attributeOf(node, 'beta')?.f ?? 1) : 1
  const partials = partialProducts(build, node, plan, left, right)
  let sum = ''
  for (const partial of partials)
    sum = build.rounded(sum === '' ? partial : build.node('Add', [sum, partial], output), output)
  if (alpha !== 1) sum = build.node('Mul', [sum, build.floats([alpha], [], output)], output)
  if (bias !== '') {
    const addend = beta === 1 ? bias : build.node('Mul', [bias, build.floats([beta], [], output)], output)
    // one bias a channel: it stands on the second axis of a convolution's result, on the last of a matrix
    const shaped = scaled
      ? addend
      : build.node('Reshape', [addend, build.integers([1, -1, 1, 1], output)], output)
    sum = build.node('Add', [sum, shaped], output)
  }
  build.rename('Identity', sum, output)
}

function partialProducts(build: Builder, node: NodeProto, plan: Plan, left: string, right: string): string[] {
  const output = node.output[0]!
  const part = (inputs: string[], attributes: NodeProto['attribute']) =>
    build.node(node.opType, inputs, output, attributes)
  const keeps = (...names: string[]) => node.attribute.filter(({ name }) => names.includes(name))
  if (plan.type === 'matrix') {
    const lefts = build.split(left, plan.leftAxis, plan.lengths, output)
    const rights = build.split(right, plan.rightAxis, plan.lengths, output)
    return lefts.map((piece, i) => part([piece, rights[i]!], keeps('transA', 'transB')))
  }
  if (plan.type === 'transposed') {
    const lefts = build.split(left, 1, plan.lengths, output)
    const rights = build.split(right, 0, plan.lengths, output)
    return lefts.map((piece, i) => part([piece, rights[i]!], node.attribute))
  }
  const { pads, dilations, kernel, places, lengths } = plan
  const lefts = lengths.length === 1 ? [left] : build.split(left, 1, lengths, output)
  const rights = lengths.length === 1 ? [right] : build.split(right, 1, lengths, output)
  return places.flatMap(({ row, column }) => {
    // the picture as this one place of the window sees it: padded where it hangs over, cut where it starts later
    const [top = 0, before = 0, bottom = 0, after = 0] = pads
    const [down = 1, across = 1] = dilations
    const seen = [
      ...[0, 0, top - row * down, before - column * across],
      ...[0, 0, bottom - (kernel[0]! - 1 - row) * down, after - (kernel[1]! - 1 - column) * across],
    ]
    return lefts.map((piece, i) => {
      const picture = seen.every(length => length === 0)
        ? piece
        : build.node('Pad', [piece, build.integers(seen, output)], output)
      const weight = build.slice(rights[i]!, [row, column], output)
      return part([picture, weight], keeps('strides'))
    })
  })
}

/** Collects nodes and constants under names of their own. */
class Builder {
  readonly nodes: NodeProto[] = []
  readonly #graph: GraphProto
  readonly #fresh: (name: string) => string

  constructor(graph: GraphProto) {
    this.#graph = graph
    this.#fresh = freshNames(graph)
  }

  /** Adds an operator and returns the name of its result, made from `near`. */
  node(opType: string, input: string[], near: string, attribute: NodeProto['attribute'] = []): string {
    return this.rename(opType, input, this.#fresh(`${near}/${opType}`), attribute)
  }

  rename(
    opType: string,
    input: string | string[],
    output: string,
    attribute: NodeProto['attribute'] = [],
  ): string {
    const inputs = typeof input === 'string' ? [input] : input
    this.nodes.push(
      create(NodeProtoSchema, {
        opType,
        name: `depthgate:${output}`,
        input: inputs,
        output: [output],
        attribute,
      }),
    )
    return output
  }

  rounded(tensor: string, near: string): string {
    const low = this.#fresh(`${near}/sum-bits`)
    const sum = this.#fresh(`${near}/sum`)
    this.nodes.push(
      castNode(tensor, low, TensorProto_DataType.FLOAT16),
      castNode(low, sum, TensorProto_DataType.FLOAT),
    )
    return sum
  }

  split(tensor: string, axis: number, lengths: number[], near: string): string[] {
    const output = lengths.map(() => this.#fresh(`${near}/piece`))
    this.nodes.push(
      create(NodeProtoSchema, {
        opType: 'Split',
        name: `depthgate:${output[0]}`,
        input: [tensor, this.integers(lengths, near)],
        output,
        attribute: [integerAttribute('axis', axis)],
      }),
    )
    return output
  }

  /** One place of a convolution's window: [out, in, height, width] to [out, in, 1, 1]. */
  slice(weight: string, [row, column]: [number, number], near: string): string {
    const ends = this.integers([row + 1, column + 1], near)
    return this.node(
      'Slice',
      [weight, this.integers([row, column], near), ends, this.integers([2, 3], near)],
      near,
    )
  }

  integers(values: number[], near: string): string {
    const name = this.#fresh(`${near}/integers`)
    this.#graph.initializer.push(
      create(TensorProtoSchema, {
        name,
        dataType: TensorProto_DataType.INT64,
        dims: [BigInt(values.length)],
        int64Data: values.map(BigInt),
      }),
    )
    return name
  }

  floats(values: number[], dims: number[], near: string): string {
    const name = this.#fresh(`${near}/floats`)
    this.#graph.initializer.push(
      create(TensorProtoSchema, {
        name,
        dataType: TensorProto_DataType.FLOAT,
        dims: dims.map(BigInt),
        floatData: values,
      }),
    )
    return name
  }
}

function integerAttribute(name: string, value: number): NodeProto['attribute'][number] {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) })
}
