import { DepthgateError } from '../base/errors.ts'
import { checkChoice, checkKeys } from '../base/options.ts'
import { type ModelProto, type NodeProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { type PlacedNode, placedNodes, producersOf, sortedNodes } from '../onnx/graph.ts'
import { describeNode, isStandard } from '../onnx/nodes.ts'
import { raiseOpset } from '../onnx/opset.ts'
import { inferTypes } from '../onnx/types.ts'
import { firstOf, lastOf, residualSlot } from './branches.ts'
import { constantsOf, hoistConstants } from './constants.ts'
import { chooseNodes, type NodePattern } from './keep.ts'
import { quantising } from './operators.ts'
import { type QuantizedSlot, type QuantizeFate, type SlotRequest, slotsOf } from './quantize-slots.ts'
import type { QuantizedFormat } from './quantized-weight.ts'
import { refuseUnfit } from './refuse.ts'

/** Operators that can be quantised: products of data and weights. */
export const quantizedOperators = ['Conv', 'ConvTranspose', 'Gemm', 'MatMul'] as const
export type QuantizedOperator = (typeof quantizedOperators)[number]

/** Which nodes are quantised. */
export interface QuantizeChoice {
  format: QuantizedFormat
  /** By default all. */
  operators?: readonly QuantizedOperator[]
  /** Nodes that are not quantised: they are of the rest. */
  keep?: readonly NodePattern[]
  /** Nodes that are neither quantised nor of the rest: they stay FP32. */
  keepFp32?: readonly NodePattern[]
  /** Leaves the first layers to the rest: products that no other product comes before. */
  keepFirst?: boolean
  /** Leaves the last layers to the rest: products that no other product comes behind. */
  keepLast?: boolean
  /** Quantises products of two activations too, as attention has them. By default they are of the rest. */
  attention?: boolean
  /**
   * Quantises residual branches too: what an Add reads directly while its other input is computed from it. By default
   * they are of the rest. TensorRT can fuse such an Add into an 8-bit convolution.
   */
  residual?: boolean
}

const choiceNames: readonly string[] = [
  'format',
  'operators',
  'keep',
  'keepFp32',
  'keepFirst',
  'keepLast',
  'attention',
  'residual',
] satisfies (keyof QuantizeChoice)[]

export interface QuantizePlan {
  format: QuantizedFormat
  nodes: ReadonlyMap<NodeProto, readonly QuantizedSlot[]>
  /** Tensors that a range is needed for, in the order of the graph. */
  activations: readonly string[]
  /** Nodes of the chosen operators that are not quantised, and why. */
  kept: readonly { node: string; reason: string }[]
  /** Products in bodies of If, Loop and Scan that would be quantised elsewhere. */
  inBodies: readonly NodeProto[]
  /** Every node of the model as it came, with its place. */
  placed: readonly PlacedNode[]
}

/**
 * Decides what of a model is quantised, and makes the model ready for it, in place: float constants become initialisers,
 * nodes come after what they read, and for fp8 the opset is raised to 19, the first that has it. Bodies of If, Loop and
 * Scan stay FP32.
 * @param file how errors call the model
 * @param mayBeNone of a search, which also asks what the rest alone costs
 * @throws DepthgateError where the model is quantised or reduced already, is too old, or where nothing would be quantised
 */
export function planQuantization(
  model: ModelProto,
  choice: QuantizeChoice,
  file: string,
  mayBeNone = false,
): QuantizePlan {
  checkKeys(choice, choiceNames, `${file}: quantize`)
  const { format, operators = quantizedOperators, keep = [], keepFp32 = [] } = choice
  for (const operator of operators) checkChoice(operator, quantizedOperators, `${file}: operators`)
  refuseUnfit(model, format, file)
  const graph = model.graph!
  const placed = [...placedNodes(graph)]
  refuseQuantized(placed, format, file)
  const isRest = chooseNodes(keep, placed, 'keep')
  const isFp32 = chooseNodes(keepFp32, placed, 'keepFp32')
  const isKept = (place: PlacedNode) => isRest(place) || isFp32(place)
  if (format === 'fp8') raiseOpset(model, 19, file)
  hoistConstants(graph, file)
  graph.node = sortedNodes(graph, file)

  const constants = new Map(graph.initializer.map(({ name, dims }) => [name, dims.map(Number)]))
  const { typeOf, bodies } = inferTypes(model)
  const isChosen = ({ opType, domain }: NodeProto) =>
    isStandard(domain) && operators.some(operator => operator === opType)
  const products = placed.filter(({ node }) => isChosen(node))
  const among = new Set(graph.node.filter(isChosen))
  const first = choice.keepFirst ? firstOf(graph.node, among) : new Set()
  const last = choice.keepLast ? lastOf(graph.node, among) : new Set()

  const nodes = new Map<NodeProto, QuantizedSlot[]>()
  const kept: { node: string; reason: string }[] = []
  for (const product of products) {
    const fate = fateOf(product)
    if (fate.type === 'quantized') nodes.set(product.node, fate.slots)
    else kept.push({ node: describeNode(product.node), reason: fate.reason })
  }
  if (nodes.size === 0 && !mayBeNone)
    throw new DepthgateError(
      'precision',
      `${file}: not one of its nodes would be quantised: ${kept.length === 0 ? `it has no ${operators.join(', ')}` : reasonsOf(kept)}`,
    )
  if (choice.residual) addResiduals()
  return { format, nodes, activations: activationsOf(graph.node, nodes), kept, inBodies: inBodies(), placed }

  function fateOf(product: PlacedNode): QuantizeFate {
    const { node, id } = product
    const keepIt = (reason: string): QuantizeFate => ({ type: 'kept', reason })
    if (id.includes('/')) return keepIt('control flow stays FP32 as a whole')
    if (isKept(product)) return keepIt('asked for')
    if (first.has(node)) return keepIt('a first layer')
    if (last.has(node)) return keepIt('a last layer')
    return fateIn({ dimsOf: name => constants.get(name), typeOf }, node)
  }

  function fateIn(scope: Pick<SlotRequest, 'dimsOf' | 'typeOf'>, node: NodeProto): QuantizeFate {
    return slotsOf(node, {
      ...scope,
      attention: choice.attention ?? false,
      // TensorRT 10 takes FP8 weights with one scale
      perChannel: format === 'int8',
    })
  }

  function inBodies(): NodeProto[] {
    const weights = new Set([graph, ...bodies.keys()].flatMap(constantsOf))
    const dimsOf = (name: string) => (weights.has(name) ? [] : undefined)
    const asked = new Set(products.filter(isKept).map(({ node }) => node))
    return [...bodies].flatMap(([body, { typeOf }]) =>
      body.node.filter(
        node => isChosen(node) && !asked.has(node) && fateIn({ dimsOf, typeOf }, node).type === 'quantized',
      ),
    )
  }

  function addResiduals(): void {
    const producers = producersOf(graph)
    for (const place of placed) {
      const { node, id } = place
      if (node.opType !== 'Add' || !isStandard(node.domain) || id.includes('/') || isKept(place)) continue
      const slot =
        typeOf(node.output[0]!) === TensorProto_DataType.FLOAT ? residualSlot(node, producers) : undefined
      if (slot !== undefined && !constants.has(node.input[slot]!))
        nodes.set(node, [{ slot, kind: 'activation' }])
    }
  }
}

/** Reasons of nodes that are not quantised, in one line. */
function reasonsOf(kept: QuantizePlan['kept']): string {
  return kept.map(({ node, reason }) => `${node}: ${reason}`).join('; ')
}

function refuseQuantized(placed: readonly PlacedNode[], format: QuantizedFormat, file: string): void {
  const found = placed.find(({ node }) => quantising.has(node.opType))
  if (found)
    throw new DepthgateError(
      'precision',
      `${file}: is quantised already (${describeNode(found.node)}). Start from the FP32 export, or name this file in \`onnx: { ${format}: '…' }\``,
    )
}

function activationsOf(
  sorted: readonly NodeProto[],
  nodes: ReadonlyMap<NodeProto, readonly QuantizedSlot[]>,
): string[] {
  const found = new Set<string>()
  for (const node of sorted)
    for (const { slot, kind } of nodes.get(node) ?? [])
      if (kind === 'activation') found.add(node.input[slot]!)
  return [...found]
}
