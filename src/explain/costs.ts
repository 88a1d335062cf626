import { tensorShapes } from '../engines/onnxruntime/shapes.ts'
import { readInput } from '../golden/store.ts'
import { readModel } from '../onnx/model.ts'
import type { ShapeOf } from '../precision/accumulate.ts'
import { products } from '../precision/operators.ts'
import { costOf } from './cost.ts'
import type { Question } from './evaluator.ts'
import type { Level } from './levels.ts'
import type { Unit } from './units.ts'

/** What units cost at each level, beyond what they cost as the recipe says. */
export interface Costs {
  /** How they were found: on a nominal GPU, or by the target's own times of layers. */
  type: 'nominal' | 'measured'
  /** Seconds. */
  more(unit: number, level: Level): number
  /** Everything in FP32. */
  all: number
}

/** Lengths of the axes of every tensor and weight of a network, where it leaves axes open for the first scene's input. */
export async function shapesOf({ model, onnx, scenes }: Question): Promise<ShapeOf> {
  const network = readModel(onnx)
  const shapes = await tensorShapes(network, onnx, readInput(model.golden, scenes[0]!).shape)
  for (const { name, dims } of network.graph!.initializer) shapes.set(name, dims.map(Number))
  return name => shapes.get(name)
}

/** By bytes and operations. Pure. */
export function nominalCosts(units: readonly Unit[], shapeOf: ShapeOf): Costs {
  return table(
    'nominal',
    units.map(({ nodes, sums, quantized }) => {
      // of a quantised unit what moves its result is of the rest
      const [head, behind] = quantized ? [nodes.slice(0, 1), nodes.slice(1)] : [[], nodes]
      const low = costOf(head, 'quantized', shapeOf) + costOf(behind, 'low', shapeOf)
      return {
        low: 0,
        sum: sums ? costOf(nodes, 'sum', shapeOf) - low : 0,
        rest: quantized ? costOf(nodes, quantized.rest === 'fp32' ? 'full' : 'low', shapeOf) - low : 0,
        full: costOf(nodes, 'full', shapeOf) - low,
      }
    }),
  )
}

/** What nodes take on the target, in milliseconds by place: everything as the recipe says, and everything in FP32. */
export interface MeasuredTimes {
  low: ReadonlyMap<string, number>
  full: ReadonlyMap<string, number>
}

/**
 * What products take more than in FP16 when they are summed in FP32, and in FP32 altogether, as shares of what FP32 without
 * TF32 takes more, which is what was measured. TensorRT sums in FP32 what has Casts around it, by FP32's kernels: all
 * products of a ViT so took 76 %. With TF32 kernels allowed all of Depth Pro took 8 %, and 20 % in TF32 (an H200, TensorRT
 * 10.6; docs/depth-pro.md).
 */
const shares = { fp32: { sum: 0.75, full: 1 }, tf32: { sum: 0.08, full: 0.2 } } as const

/**
 * By times on the target, whose kernels of FP32 may compute products in `kernels`. Where a node is in no layer of one of the two, its nominal cost stands in, in the same proportion
 * as over all others; so does that of a quantised node's rest. A layer that is no slower in FP32 is not free: to leave the format and come back takes Casts, so a
 * quarter of the nominal cost is the least. Pure.
 */
export function measuredCosts(
  units: readonly Unit[],
  nominal: Costs,
  { low, full }: MeasuredTimes,
  kernels: keyof typeof shares = 'fp32',
): Costs {
  const measured = units.map(({ nodes }) => {
    const known = nodes.some(({ id }) => low.has(id)) && nodes.some(({ id }) => full.has(id))
    return known ? (sumOf(nodes, full) - sumOf(nodes, low)) / 1000 : undefined
  })
  const both = measured.flatMap((seconds, unit) =>
    seconds === undefined ? [] : [{ seconds, nominal: nominal.more(unit, 'full') }],
  )
  const scale = ratio(
    both.reduce((sum, { seconds }) => sum + seconds, 0),
    both.reduce((sum, part) => sum + part.nominal, 0),
  )
  return table(
    'measured',
    units.map(({ nodes: [head], sums, quantized }, unit) => {
      const stand = nominal.more(unit, 'full') * scale
      const more = Math.max(measured[unit] ?? stand, stand / 4)
      const share = shares[products.has(head!.node.opType) ? kernels : 'fp32']
      return {
        low: 0,
        sum: sums ? share.sum * more : 0,
        rest: quantized ? more * ratio(nominal.more(unit, 'rest'), nominal.more(unit, 'full')) : 0,
        full: share.full * more,
      }
    }),
  )
}

function table(type: Costs['type'], rows: readonly Record<Level, number>[]): Costs {
  return {
    type,
    more: (unit, level) => rows[unit]![level],
    all: rows.reduce((sum, { full }) => sum + full, 0),
  }
}

function sumOf(nodes: Unit['nodes'], times: ReadonlyMap<string, number>): number {
  return nodes.reduce((sum, { id }) => sum + (times.get(id) ?? 0), 0)
}

function ratio(part: number, whole: number): number {
  return part > 0 && whole > 0 ? part / whole : 1
}
