import { providerOf } from '../engines/settings.ts'
import { engineNamed } from '../gate/engines.ts'
import { lowSums } from '../gate/make-variant.ts'
import type { ReducedRecipe } from '../gate/recipe.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { convert } from '../precision/convert.ts'
import type { Question } from './evaluator.ts'
import { type Unit, unitsOf } from './units.ts'

/** What a precision can be chosen for, under a recipe: the units of the nodes that it reduces. */
export function candidates(
  { model, onnx, precision, engine }: Pick<Question, 'model' | 'onnx' | 'precision' | 'engine'>,
  recipe: ReducedRecipe,
): { network: ModelProto; units: Unit[] } {
  const arithmetic = providerOf(engineNamed(model, engine).settings) === 'cpu' ? 'emulated' : 'native'
  const { accumulate = 'engine', ...choice } = recipe
  const [network, converted] = [readModel(onnx), readModel(onnx)]
  const placed = new Map([...placedNodes(network.graph!)].map(place => [place.id, place]))
  const places = new Map([...placedNodes(converted.graph!)].map(({ node, id }) => [node, placed.get(id)!]))
  // kernels of fp16 may sum in it, unless the recipe says otherwise; an emulation does only where it says so
  const mayBeLow = arithmetic === 'native' && precision === 'fp16'
  const sums = lowSums(
    network,
    mayBeLow && accumulate === 'engine'
      ? 'fp16'
      : mayBeLow && typeof accumulate === 'object'
        ? { ...accumulate, rest: 'fp16' }
        : accumulate,
  )
  const { reduced } = convert(
    converted,
    { ...choice, format: precision, arithmetic, accumulate: accumulate === 'fp16' ? 'engine' : accumulate },
    onnx,
  )
  // in the order in which the network computes
  const nodes = [...reduced].map(node => places.get(node)!)
  return { network, units: unitsOf(network.graph!, nodes, sums) }
}
