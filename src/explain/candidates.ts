import { lowSums } from '../gate/make-variant.ts'
import { choiceOf, type QuantizedRecipe, type ReducedRecipe } from '../gate/recipe.ts'
import type { GraphProto, ModelProto } from '../onnx/gen/onnx_pb.ts'
import { type PlacedNode, placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { type Conversion, convert } from '../precision/convert.ts'
import { planQuantization } from '../precision/quantize-plan.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { moduleOf, nodeLabel } from './label.ts'
import { type ToldUnit, type Unit, unitsOf } from './units.ts'

type Accumulate = NonNullable<ReducedRecipe['accumulate']>

export interface Candidates {
  /** What the precision can be chosen for. */
  units: Unit[]
  /** Each If, Loop and Scan that is FP32 as a whole, with the nodes inside that would be in the precision elsewhere. */
  inBodies: ToldUnit[]
}

/** What a reduced format can be chosen for, under a recipe: the units of the nodes that it reduces. */
export function reducedCandidates(
  onnx: string,
  format: RoundedFormat,
  arithmetic: 'native' | 'emulated',
  { accumulate = 'engine', ...choice }: ReducedRecipe,
  round: NonNullable<Conversion['round']>,
): Candidates {
  const [network, changed] = [readModel(onnx), readModel(onnx)]
  const placeOf = placesIn(network, changed)
  const sums = lowSums([...placedNodes(network.graph!)], sumsOf(format, arithmetic, accumulate))
  const { reduced, inBodies } = convert(
    changed,
    { ...choice, format, arithmetic, round, accumulate: ofConversion(accumulate) },
    onnx,
  )
  return {
    // in the order in which the network computes
    units: unitsOf(network.graph!, [...reduced].map(placeOf), sums),
    inBodies: byHolder(network.graph!, inBodies.map(placeOf)),
  }
}

/** What a quantised format can be chosen for: every node that it quantises, and with a reduced rest every other one of that. */
export function quantizedCandidates(
  onnx: string,
  format: QuantizedFormat,
  recipe: QuantizedRecipe,
  arithmetic: 'native' | 'emulated',
): Candidates {
  const [network, changed] = [readModel(onnx), readModel(onnx)]
  const placeOf = placesIn(network, changed)
  const { accumulate = 'engine', rest = 'fp32', keepFp32 = [] } = recipe
  const { nodes, inBodies, placed } = planQuantization(changed, choiceOf(recipe, format), onnx)
  const quantized = new Set([...nodes.keys()].map(node => placeOf(node).node))
  const sorted = changed.graph!.node.filter(node => nodes.has(node))
  const found =
    rest === 'fp32' ? { units: unitsOf(network.graph!, sorted.map(placeOf)), inBodies } : restOf(rest)
  return {
    units: found.units.map(unit => (quantized.has(unit.head.node) ? { ...unit, quantized: { rest } } : unit)),
    inBodies: byHolder(network.graph!, found.inBodies.map(placeOf)),
  }

  /** All that would be of the rest if nothing were quantised. */
  function restOf(of: RoundedFormat) {
    const conversion = { format: of, arithmetic, keep: keepFp32, accumulate: ofConversion(accumulate) }
    const { reduced, inBodies } = convert(changed, conversion, onnx, { placed, nodes: new Map() })
    const low = lowSums([...placedNodes(network.graph!)], sumsOf(of, arithmetic, accumulate))
    const units = unitsOf(
      network.graph!,
      [...reduced].map(placeOf),
      node => low(node) && !quantized.has(node),
    )
    return { units, inBodies }
  }
}

/** Nodes inside bodies by the node of the main graph that holds them. */
function byHolder(graph: GraphProto, inside: readonly PlacedNode[]): ToldUnit[] {
  return [...placedNodes(graph)].flatMap(holder => {
    const nodes = inside.flatMap(({ id }) => (id.split('/')[0] === holder.id ? [id] : []))
    if (nodes.length === 0) return []
    const [module, operator] = [moduleOf(holder.node), holder.node.opType]
    return [{ nodes, label: nodeLabel(holder), ...(module !== undefined && { module }), operator }]
  })
}

/** Kernels of fp16 may sum in it, unless the recipe says otherwise; an emulation does only where it says so. */
function sumsOf(
  format: RoundedFormat,
  arithmetic: 'native' | 'emulated',
  accumulate: Accumulate,
): Accumulate {
  if (arithmetic === 'emulated' || format !== 'fp16') return accumulate
  if (accumulate === 'engine') return 'fp16'
  return typeof accumulate === 'object' ? { ...accumulate, rest: 'fp16' } : accumulate
}

/** Kernels, or an emulation behind the conversion, sum in FP16: a conversion does nothing for it. */
export function ofConversion(accumulate: Accumulate): NonNullable<Conversion['accumulate']> {
  return accumulate === 'fp16' ? 'engine' : accumulate
}

/** Places of the nodes that a recipe sums in FP16. */
export function lowPlaces(onnx: string, accumulate: Accumulate): Set<string> {
  const placed = [...placedNodes(readModel(onnx).graph!)]
  const low = lowSums(placed, accumulate)
  return new Set(placed.flatMap(({ node, id }) => (low(node) ? [id] : [])))
}

/** Finds the node of an unchanged network for one of its copy that is about to be changed. */
function placesIn(network: ModelProto, copy: ModelProto) {
  const originals = new Map([...placedNodes(network.graph!)].map(placed => [placed.id, placed]))
  const places = new Map([...placedNodes(copy.graph!)].map(({ node, id }) => [node, originals.get(id)!]))
  return (node: (typeof network.graph & object)['node'][number]) => places.get(node)!
}
