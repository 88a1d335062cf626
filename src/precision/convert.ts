import { DepthgateError } from '../base/errors.ts'
import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  TensorProto_DataType,
} from '../onnx/gen/onnx_pb.ts'
import { freshNames, type PlacedNode, placedNodes, producersOf, sortedNodes } from '../onnx/graph.ts'
import { attributeOf, castNode, describeNode, eachNode, isStandard, opsetOf } from '../onnx/nodes.ts'
import { newestRaised, raiseOpset } from '../onnx/opset.ts'
import { inferTypes } from '../onnx/types.ts'
import { constantsOf, hoistConstants } from './constants.ts'
import { demandOf } from './demand.ts'
import { chooseNodes, type NodePattern } from './keep.ts'
import { allowedSince, exact, fixedInputs, products } from './operators.ts'
import { type NodeFate, planNodes } from './plan.ts'
import type { QuantizePlan } from './quantize-plan.ts'
import { quantizedPart } from './quantized-part.ts'
import { refuseUnfit } from './refuse.ts'
import type { RoundedFormat } from './round.ts'
import { type ReducedWeight, reduceWeight } from './weights.ts'

/** How a model becomes one of a reduced format. */
export interface Conversion {
  format: RoundedFormat
  /**
   * `native`: tensors and operators are of the format, for engines that compute in it. `emulated`: FP32 kernels, every
   * tensor rounded to the format by a Cast there and back, for engines that do not.
   */
  arithmetic: 'native' | 'emulated'
  /** Nodes that stay FP32. */
  keep?: readonly NodePattern[]
  /**
   * Where products (MatMul, Gemm, Conv, ConvTranspose) are summed. `engine`: as its kernels do. `fp32`: Casts to FP32
   * around all of them, or those that the list names, which TensorRT turns into FP32 accumulation. An emulation sums in
   * FP32 anyway.
   */
  accumulate?: 'engine' | 'fp32' | { fp32: readonly NodePattern[] }
  /** Values under half of fp16's smallest become zero instead of ±2⁻²⁴. */
  flushTiny?: boolean
  /** How weights are rounded; where they are kept is its own affair. */
  round?: typeof reduceWeight
}

/**
 * The plan by which a model was quantised before it is converted: every node as it came, which patterns are about, and
 * those that read quantised tensors.
 */
export type QuantizedBefore = Pick<QuantizePlan, 'placed' | 'nodes'>

/** What a conversion did. */
export interface Converted {
  /** Nodes that compute in the format. */
  reduced: ReadonlySet<NodeProto>
  /** Of these the products that Casts around them sum in FP32. */
  widened: ReadonlySet<NodeProto>
  /** Nodes with float32 values that do not compute in it, and why. */
  kept: { node: NodeProto; reason: string }[]
  /** Nodes in bodies of If, Loop and Scan that would compute in the format elsewhere. */
  inBodies: NodeProto[]
  /** By the name of each float32 tensor that has a value in the format, that value's name. */
  names: ReadonlyMap<string, string>
  /** Casts that were added. */
  casts: number
  /** Weights that are now in the format, and how many of their values it could not hold. */
  weights: ReducedWeight[]
}

/** What ONNX calls a format. */
export const onnxType = {
  fp32: TensorProto_DataType.FLOAT,
  fp16: TensorProto_DataType.FLOAT16,
  bf16: TensorProto_DataType.BFLOAT16,
} as const
const { FLOAT } = TensorProto_DataType

/**
 * Turns an FP32 model into one of a reduced format, in place. A float32 tensor `t` keeps its name where it is FP32; its
 * value in the format is `t/fp16` (or `t/bf16`), made once whoever reads it: weights are rounded to nearest, ties to
 * even, for good; results come from the node that writes them, or from one Cast after it. Inputs and outputs of the graph
 * stay float32, and so does what FP32 nodes and bodies read. Of a model that was quantised, what is quantised stays FP32
 * with its scales and sums (`quantizedPart`): a kernel may multiply the scales of an activation and a weight, and the
 * product of the two is soon below what FP16 holds.
 * @param file how errors call the model; external data lie beside it
 * @throws DepthgateError where the model is reduced already, or where the type of a tensor is unknown
 */
export function convert(
  model: ModelProto,
  conversion: Conversion,
  file: string,
  quantized?: QuantizedBefore,
): Converted {
  const { format, arithmetic, keep = [], flushTiny = false, round = reduceWeight } = conversion
  const native = arithmetic === 'native'
  refuseUnfit(model, format, file)
  const graph = model.graph!
  const placed = quantized?.placed ?? [...placedNodes(graph)]
  const isKept = chooseNodes(keep, placed, quantized ? 'keepFp32' : 'keep')
  const chosen = new Set(placed.filter(isKept).map(({ node }) => node))
  const sumsInFp32 = chooseWidened(conversion, placed, quantized?.nodes)

  if (native && format === 'bf16') raiseOpset(model, neededOpset(model), file)
  hoistConstants(graph, file)
  graph.node = sortedNodes(graph, file)
  const types = inferTypes(model)
  const weights = new Set(graph.initializer.map(({ name }) => name))
  // listed as inputs too, weights of old exports could be replaced from outside
  graph.input = graph.input.filter(({ name }) => !weights.has(name))
  if (model.irVersion < 4n) model.irVersion = 4n
  const fates = planNodes({
    nodes: graph.node,
    types,
    format,
    // an emulation plans as the native variant is planned, whose opset is raised
    opset: format === 'bf16' ? neededOpset(model) : opsetOf(model),
    constants: new Set(constantsOf(graph)),
    keep: node => chosen.has(node),
    quantized: quantized ? quantizedPart(graph, quantized.nodes, isFloat) : new Set(),
  })
  const kept = keptNodes(graph, fates, file)
  // of a quantised model nothing may be left over
  if (!quantized && fates.every(({ type }) => type !== 'reduced'))
    throw new DepthgateError(
      'precision',
      `${file}: not one of its nodes would compute in ${format}: ${kept.length === 0 ? 'none reads or writes float32' : [...new Set(kept.map(({ node, reason }) => `${describeNode(node)}: ${reason}`))].slice(0, 5).join('; ')}`,
    )
  const demand = demandOf(graph, fates, isFloat, sumsInFp32, opsetOf(model))
  const fresh = freshNames(graph)
  const names = new Map<string, string>()
  const reducedName = remembered(name => fresh(`${name}/${format}`), names)
  const widenedName = remembered(name => fresh(`${name}/${format}/fp32`))
  const reduced = graph.node.filter((_, index) => fates[index]!.type === 'reduced')
  const converted: Converted = {
    reduced: new Set(reduced),
    widened: new Set(reduced.filter(sumsInFp32)),
    kept,
    inBodies: fates.flatMap(fate => (fate.type === 'kept' ? (fate.inside ?? []) : [])),
    names,
    casts: 0,
    weights: [],
  }

  const nodes: NodeProto[] = []
  for (const { name } of graph.input) offerReduced(name)
  graph.initializer = graph.initializer.flatMap(tensor => {
    const { name } = tensor
    if (!demand.reduced.has(name) && !demand.widened.has(name)) return [tensor]
    const made = round(tensor, reducedName(name), { format, native, flushTiny, file })
    converted.weights.push(made.facts)
    offerWidened(name)
    return demand.full.has(name) ? [tensor, made.tensor] : [made.tensor]
  })
  for (const [index, node] of graph.node.entries()) {
    if (fates[index]!.type === 'reduced') emitReduced(node)
    else {
      nodes.push(node)
      for (const name of node.output) offerReduced(name)
    }
  }
  graph.node = nodes
  graph.valueInfo = graph.valueInfo.filter(({ name }) => !demand.written.has(name) || demand.full.has(name))
  return converted

  function emitReduced(node: NodeProto): void {
    const fixed = fixedInputs(node.opType, opsetOf(model))
    const widened = sumsInFp32(node)
    node.input = node.input.map((name, slot) => {
      if (name === '' || fixed.includes(slot) || !isFloat(name)) return name
      return widened ? widenedOf(name) : reducedName(name)
    })
    const after: (() => void)[] = []
    node.output = node.output.map(name => {
      if (name === '' || !demand.written.has(name)) {
        if (name !== '') after.push(() => offerReduced(name))
        return name
      }
      const low = reducedName(name)
      after.push(() => {
        if (demand.full.has(name) || (demand.widened.has(name) && widenedOf(name) === name))
          cast(low, name, FLOAT)
      })
      if (native ? !widened : exact.has(node.opType)) return low
      const raw = fresh(`${low}/${widened ? 'sum' : 'exact'}`)
      after.unshift(() => reduce(raw, low))
      return raw
    })
    if (native && node.opType === 'Cast') {
      const to = attributeOf(node, 'to')!
      if (Number(to.i) === FLOAT) to.i = BigInt(onnxType[format])
    }
    nodes.push(node)
    for (const emit of after) emit()
  }

  /** Writes what others read of a float32 tensor that was just written. */
  function offerReduced(name: string): void {
    if (!demand.reduced.has(name) && !demand.widened.has(name)) return
    reduce(name, reducedName(name))
    offerWidened(name)
  }

  function offerWidened(name: string): void {
    if (demand.widened.has(name)) cast(reducedName(name), widenedName(name), FLOAT)
  }

  /** What a product that sums in FP32 reads: the value that the format holds, as float32. */
  function widenedOf(name: string): string {
    // what the format's own node wrote is widened under the tensor's own name
    return demand.written.has(name) ? name : widenedName(name)
  }

  function reduce(from: string, to: string): void {
    if (native) {
      cast(from, to, onnxType[format])
      return
    }
    const low = fresh(`${to}/bits`)
    cast(from, low, onnxType[format])
    cast(low, to, FLOAT)
  }

  function cast(from: string, to: string, type: TensorProto_DataType): void {
    nodes.push(castNode(from, to, type))
    converted.casts++
  }

  function isFloat(name: string): boolean {
    return types.typeOf(name) === FLOAT
  }
}

/** The opset from which all of a model's operators take bf16 that ever do, as far as models can be raised. */
function neededOpset(model: ModelProto): number {
  let needed = opsetOf(model)
  eachNode(model.graph!, ({ domain, opType }) => {
    const since = isStandard(domain) ? allowedSince('bf16', opType) : 0
    if (since <= newestRaised) needed = Math.max(needed, since)
  })
  return needed
}

/** Which nodes sum in FP32 by Casts around them. */
function chooseWidened(
  { arithmetic, accumulate = 'engine' }: Conversion,
  placed: readonly PlacedNode[],
  quantized: QuantizedBefore['nodes'] = new Map(),
): (node: NodeProto) => boolean {
  const isProduct = (node: NodeProto) => products.has(node.opType) && !quantized.has(node)
  const where = 'accumulate.fp32'
  const listed =
    typeof accumulate === 'object'
      ? placed.filter(chooseNodes(accumulate.fp32, placed, where)).map(({ node }) => node)
      : []
  if (typeof accumulate === 'object' && !listed.some(isProduct))
    throw new DepthgateError(
      'precision',
      `${where} ${accumulate.fp32.join(', ')}: names no product${quantized.size > 0 ? ' that is not quantised' : ''}. It is for ${[...products].join(', ')}`,
    )
  if (arithmetic === 'emulated' || accumulate === 'engine') return () => false
  if (accumulate === 'fp32') return isProduct
  const nodes = new Set(listed)
  return node => isProduct(node) && nodes.has(node)
}

/** The nodes with floats that stay FP32. Throws where the type of a tensor cannot be told. */
function keptNodes(graph: GraphProto, fates: readonly NodeFate[], file: string): Converted['kept'] {
  const producers = producersOf(graph)
  return graph.node.flatMap((node, index) => {
    const fate = fates[index]!
    if (fate.type === 'unknown') {
      const producer = producers.get(fate.tensor)
      throw new DepthgateError(
        'precision',
        `${file}: the type of the tensor ${JSON.stringify(fate.tensor)}, ${producer ? `which ${describeNode(producer)}${producer.domain && ` of ${producer.domain}`} writes` : 'which no node writes'}, is unknown. Write the types into the model with Python's onnx.shape_inference, or as its value_info`,
      )
    }
    return fate.type === 'kept' ? [{ node, reason: fate.reason }] : []
  })
}

function remembered(
  make: (name: string) => string,
  known = new Map<string, string>(),
): (name: string) => string {
  return name => {
    let made = known.get(name)
    if (made === undefined) {
      made = make(name)
      known.set(name, made)
    }
    return made
  }
}
