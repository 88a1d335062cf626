import type { Engine } from '../engines/engine.ts'
import { batchesOf } from '../engines/onnxruntime/tap.ts'
import { readInput } from '../golden/store.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import type { ShapeOf } from '../precision/accumulate.ts'
import { engineEvaluator, type Question, type Trial, type Worst, worstOfTrial } from './evaluator.ts'
import type { NodeError } from './node-errors.ts'
import { type TensorError, tensorError, worstOf } from './tensor-error.ts'
import type { Variants } from './variants.ts'

/** How tensors were looked at on an engine: they are kept whole for it, which takes fusion apart. */
export interface Probed {
  /** Tensors that were fetched, of those that the format changes. */
  tensors: number
  of: number
  /** The output's error as the plan runs, and with its tensors kept whole. */
  fused: Worst
  apart: Worst
  /** Whether the two are so far apart that what was found is not what the plan does: then it is fusion. */
  changed: boolean
}

/** A tensor in FP32 and in the format. */
export interface Tap {
  full: string
  low: string
}

/** What the GPU holds of them at once, in FP32: outputs of a network stay until it is let go. */
const held = 2 ** 33
/** What is brought to the host at once, in FP32. */
const fetched = 2 ** 28

/** The tensors that nodes write, with their names in the variant; those that it does not hold in the format are left out. Pure. */
export function tapsOf(nodes: readonly NodeError[], variant: ModelProto, format: string): Tap[] {
  const written = new Set(variant.graph!.node.flatMap(({ output }) => output))
  return nodes.flatMap(({ tensor: full }) => {
    const low = [`${full}/${format}`, full].find(name => written.has(name))
    return low === undefined ? [] : [{ full, low }]
  })
}

/** As many of the taps, evenly spread over the network, as come to no more than `bytes` in FP32. Pure. */
export function within(taps: readonly Tap[], shapeOf: ShapeOf, bytes = held): Tap[] {
  for (let stride = 1; stride <= taps.length; stride++) {
    const some = taps.filter((_, index) => index % stride === 0)
    if (some.reduce((sum, tap) => sum + bytesOf(tap, shapeOf), 0) <= bytes) return some
  }
  return []
}

/** What a look found: errors by the tensor's name in FP32, and the network's output meanwhile. */
export interface Look {
  errors: Map<string, TensorError>
  apart: Trial
}

/**
 * The accumulated error of tensors on an engine that can keep them whole: two builds, the network in the format and in
 * FP32, both with these tensors as outputs.
 * @param all whether these are all tensors, so that the engine may mark every one: then an attribution shares the builds
 */
export async function lookAt(
  question: Question,
  variants: Variants,
  taps: readonly Tap[],
  shapeOf: ShapeOf,
  all: boolean,
): Promise<Look> {
  const marks = (which: keyof Tap) => (all ? {} : { marks: [...new Set(taps.map(tap => tap[which]))] })
  const errors = new Map<string, TensorError>()
  const low = engineEvaluator(question, variants, { fusion: 'off', ...marks('low') })
  const full = engineEvaluator(question, variants, { fusion: 'off', ...marks('full') })
  let apart: Trial = []
  await full.evaluate('fp32', async inFull => {
    apart = await low.evaluate(variants.base, async inLow => {
      await compare(question, inFull, inLow, taps, shapeOf, errors)
    })
  })
  return { errors, apart }
}

async function compare(
  { model, scenes }: Question,
  full: Engine,
  low: Engine,
  taps: readonly Tap[],
  shapeOf: ShapeOf,
  errors: Map<string, TensorError>,
): Promise<void> {
  const [inFull, inLow] = [full, low].map(
    ({ marked = [], outputs }) => new Set([...marked, ...outputs].map(({ name }) => name)),
  ) as [Set<string>, Set<string>]
  const there = taps.filter(tap => inFull.has(tap.full) && inLow.has(tap.low))
  const byFull = new Map(there.map(tap => [tap.full, tap]))
  const batches = batchesOf(
    there.map(tap => ({ name: tap.full, bytes: 2 * bytesOf(tap, shapeOf) })),
    fetched,
  )
  for (const scene of scenes) {
    const tensor = readInput(model.golden, scene)
    for (const batch of batches) {
      const truths = (await full.run(tensor, batch, model.config.input)).outputs
      const names = batch.map(name => byFull.get(name)!.low)
      const found = (await low.run(tensor, names, model.config.input)).outputs
      for (const name of batch) {
        const now = tensorError(truths[name]!.data, found[byFull.get(name)!.low]!.data)
        const before = errors.get(name)
        errors.set(name, before ? worstOf(before, now) : now)
      }
    }
  }
}

/** Probing that moves the output's error by a quarter has looked at another network than the plan's. Pure. */
export function probedOf(fused: Trial, { errors, apart }: Look, of: number): Probed {
  const [whole, taken] = [worstOfTrial(fused), worstOfTrial(apart)]
  const ratio = taken.used / whole.used
  const same = whole.used === taken.used || (ratio > 0.75 && ratio < 1 / 0.75)
  return { tensors: errors.size, of, fused: whole, apart: taken, changed: !same }
}

function bytesOf({ full }: Tap, shapeOf: ShapeOf): number {
  const shape = shapeOf(full) ?? []
  const values = shape.reduce<number>((product, length) => product * Number(length), 1)
  return Number.isNaN(values) ? fetched / 8 : 4 * values
}
