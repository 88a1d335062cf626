import { lowSums } from '../gate/make-variant.ts'
import type { ReducedRecipe } from '../gate/recipe.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { type Conversion, convert } from '../precision/convert.ts'
import { planQuantization, type QuantizeChoice } from '../precision/quantize-plan.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { type Unit, unitsOf } from './units.ts'

/** What a reduced format can be chosen for, under a recipe: the units of the nodes that it reduces. */
export function reducedUnits(
  onnx: string,
  format: RoundedFormat,
  arithmetic: 'native' | 'emulated',
  { accumulate = 'engine', ...choice }: ReducedRecipe,
  round: NonNullable<Conversion['round']>,
): Unit[] {
  const [network, changed] = [readModel(onnx), readModel(onnx)]
  const placeOf = placesIn(network, changed)
  // kernels of fp16 may sum in it, unless the recipe says otherwise; an emulation does only where it says so
  const mayBeLow = arithmetic === 'native' && format === 'fp16'
  const sums = lowSums(
    [...placedNodes(network.graph!)],
    mayBeLow && accumulate === 'engine'
      ? 'fp16'
      : mayBeLow && typeof accumulate === 'object'
        ? { ...accumulate, rest: 'fp16' }
        : accumulate,
  )
  const { reduced } = convert(
    changed,
    { ...choice, format, arithmetic, round, accumulate: accumulate === 'fp16' ? 'engine' : accumulate },
    onnx,
  )
  // in the order in which the network computes
  return unitsOf(network.graph!, [...reduced].map(placeOf), sums)
}

/** What a quantised format can be chosen for: every node that it quantises. */
export function quantizedUnits(onnx: string, choice: QuantizeChoice): Unit[] {
  const [network, changed] = [readModel(onnx), readModel(onnx)]
  const placeOf = placesIn(network, changed)
  const { nodes } = planQuantization(changed, choice, onnx)
  const sorted = changed.graph!.node.filter(node => nodes.has(node))
  return unitsOf(network.graph!, sorted.map(placeOf))
}

/** Places of the nodes that a recipe sums in FP16. */
export function lowPlaces(onnx: string, accumulate: NonNullable<ReducedRecipe['accumulate']>): Set<string> {
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
