import type { PlannedNode } from '../gate/precision-plan.ts'
import { choiceOf, type QuantizedRecipe, type ReducedRecipe } from '../gate/recipe.ts'
import { type ModelProto, type NodeProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { bodiesOf } from '../onnx/nodes.ts'
import { inferTypes } from '../onnx/types.ts'
import { type Conversion, convert, type QuantizedBefore } from '../precision/convert.ts'
import { chooseNodes } from '../precision/keep.ts'
import { products, sources } from '../precision/operators.ts'
import { fromSizes } from '../precision/plan.ts'
import { planQuantization } from '../precision/quantize-plan.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import { isQuantized } from '../precision/quantized-weight.ts'
import { ofConversion } from './candidates.ts'
import type { MadeFormat, Recipe } from './variants.ts'

/** The nodes of a network that are not computed in its precision, whoever decided that. */
export interface Stays {
  nodes: PlannedNode[]
  /** Those that compute sizes: TensorRT keeps them apart by itself. */
  sizes: PlannedNode[]
}

type Fates = Map<NodeProto, Pick<PlannedNode, 'in' | 'reason'>>

/**
 * What a recipe keeps out of a precision, and what depthgate leaves out of it on its own, in the order of the graph. Without
 * If, Loop, Scan and all that is inside them, and without nodes that have no floats.
 */
export function staysOf(onnx: string, precision: MadeFormat, recipe: Recipe): Stays {
  const [network, changed] = [readModel(onnx), readModel(onnx)]
  const placed = [...placedNodes(changed.graph!)]
  const fates = isQuantized(precision)
    ? quantizedFates(changed, onnx, precision, recipe as QuantizedRecipe)
    : reducedFates(changed, onnx, { ...(recipe as ReducedRecipe), format: precision })
  const fateAt = new Map(placed.map(({ node, id }) => [id, fates.get(node)]))
  const { typeOf } = inferTypes(network)
  const hasFloat = (names: readonly string[]) =>
    names.some(name => typeOf(name) === TensorProto_DataType.FLOAT)
  const stays: Stays = { nodes: [], sizes: [] }
  for (const { node, id } of placedNodes(network.graph!)) {
    const fate = fateAt.get(id)
    if (!fate || id.includes('/') || bodiesOf(node).length > 0 || formatless(node)) continue
    const sizes = fate.reason === fromSizes
    if (!hasFloat(sizes ? node.output : [...node.input, ...node.output])) continue
    stays[sizes ? 'sizes' : 'nodes'].push({
      place: id,
      ...(node.name !== '' && { name: node.name }),
      operator: node.opType,
      writes: node.output.find(name => name !== '') ?? '',
      ...fate,
    })
  }
  return stays
}

/** What a source writes is rounded where it is read; of a size no value is read. */
function formatless({ opType }: NodeProto): boolean {
  return sources.has(opType) || opType === 'Shape' || opType === 'Size'
}

function reducedFates(
  model: ModelProto,
  onnx: string,
  { accumulate = 'engine', ...choice }: ReducedRecipe & Pick<Conversion, 'format'>,
  before?: QuantizedBefore,
): Fates {
  // of weights only the names are needed
  const round: Conversion['round'] = tensor => ({
    tensor,
    facts: { tensor: tensor.name, values: 0, clamped: 0, flushed: 0 },
  })
  const conversion = { ...choice, arithmetic: 'native', accumulate: ofConversion(accumulate), round } as const
  const { kept, widened } = convert(model, conversion, onnx, before)
  const fates: Fates = new Map(kept.map(({ node, reason }) => [node, { in: 'fp32', reason }]))
  for (const node of widened) fates.set(node, { in: 'fp32 sums', reason: 'summed in FP32' })
  return fates
}

function quantizedFates(
  model: ModelProto,
  onnx: string,
  format: QuantizedFormat,
  recipe: QuantizedRecipe,
): Fates {
  const { rest = 'fp32', keep = [], keepFp32 = [], accumulate = 'engine' } = recipe
  const plan = planQuantization(model, choiceOf(recipe, format), onnx)
  const asked = chooseNodes([...keep, ...keepFp32], plan.placed, 'keep')
  const reason = 'not quantised'
  const fates: Fates = new Map(
    plan.placed
      .filter(place => asked(place) || (products.has(place.node.opType) && !plan.nodes.has(place.node)))
      .map(({ node }) => [node, { in: rest, reason }]),
  )
  if (rest === 'fp32') return fates
  const restFates = reducedFates(model, onnx, { format: rest, keep: keepFp32, accumulate }, plan)
  // what is FP32 between Q and DQ is in the precision
  const own = [...restFates].filter(([, fate]) => fate.reason !== 'quantised')
  return new Map([...fates, ...own])
}
