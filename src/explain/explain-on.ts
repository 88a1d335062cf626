import { DepthgateError } from '../base/errors.ts'
import { readModel } from '../onnx/model.ts'
import { shapesOf } from './costs.ts'
import { engineEvaluator, type Question, worstOfTrial } from './evaluator.ts'
import type { Explanation } from './explain.ts'
import type { LayerMap } from './layer-map.ts'
import { lookAt, probedOf, tapsOf, within } from './look.ts'
import { profiled } from './target.ts'
import type { Variants } from './variants.ts'

/**
 * Adds to an explanation what is seen on TensorRT itself: what the network in the format loses there, which layer each node
 * went into and what that takes, and how far every tensor is from FP32's. Three builds: in the format as it runs, and in the
 * format and in FP32 with tensors kept whole. Where a part is not to be had the rest is told, and why.
 */
export async function explainOn(
  question: Question,
  variants: Variants,
  found: Explanation,
): Promise<Explanation> {
  const notes: string[] = []
  const attempt = async <Result>(what: string, get: () => Promise<Result>): Promise<Result | undefined> => {
    try {
      return await get()
    } catch (thrown) {
      // an engine that is not there at all is not what was asked about
      if (!(thrown instanceof DepthgateError) || thrown.code === 'engine-missing') throw thrown
      notes.push(`${what}: ${thrown.message}`)
      return undefined
    }
  }
  let layers: LayerMap | undefined
  let variant: ReturnType<typeof readModel> | undefined
  const { evaluate } = engineEvaluator(question, variants)
  const fused = await attempt(`the network in ${question.precision} could not be run`, () =>
    evaluate(variants.base, async (loaded, onnx) => {
      variant = readModel(onnx)
      if (loaded.profile)
        layers = await attempt('layers could not be timed', () => profiled(question, loaded, onnx))
    }),
  )
  if (!fused) return { ...found, target: { engine: question.engine, notes } }
  const taps = tapsOf(found.nodes, variant!, question.precision)
  const shapeOf = await shapesOf(question)
  const some = within(taps, shapeOf)
  const look = await attempt('tensors could not be looked at', () =>
    lookAt(question, variants, some, shapeOf, some.length === taps.length),
  )
  return {
    ...found,
    nodes: found.nodes.map(node => {
      const onEngine = look?.errors.get(node.tensor)
      return onEngine ? { ...node, onEngine } : node
    }),
    ...(layers && { layers }),
    ...(look && { probed: probedOf(fused, look, found.nodes.length) }),
    target: { engine: question.engine, low: worstOfTrial(fused), notes },
  }
}
