import { DepthgateError } from '../base/errors.ts'
import type { TapProgress } from '../engines/onnxruntime/tap.ts'
import { readInput } from '../golden/store.ts'
import { readModel } from '../onnx/model.ts'
import type { Candidates } from './candidates.ts'
import { brokenScenes, type Question, type Worst, worstOfTrial } from './evaluator.ts'
import type { LayerMap } from './layer-map.ts'
import { everywhere, levelsOf } from './levels.ts'
import type { Probed } from './look.ts'
import { cutBetweenModules } from './modules.ts'
import { type NetworkNode, networkOf } from './network.ts'
import { type NodeError, nodeErrors } from './node-errors.ts'
import { type Sensitivity, sensitivity } from './sensitivity.ts'
import { type TrialOptions, Trials } from './trials.ts'
import { type ToldUnit, toldUnit, type Unit } from './units.ts'
import type { Variants } from './variants.ts'

/** What a unit does to the network's output, in shares of the limit that is used most. */
export interface UnitCost extends ToldUnit {
  /** It alone in the format, the rest in FP32; the units of a group that was not halved further share it. */
  alone: number
  /** Units that share `alone`; 1 where it was measured by itself. */
  sharedBy: number
  /** All in the format, it alone in FP32; only of the units that cost most. */
  without?: number
}

/** Where a precision loses. */
export interface Explanation {
  model: string
  precision: Question['precision']
  engine: string
  scenes: readonly string[]
  /** How many nodes are in the precision; all of them are looked at where no part is asked for. */
  inPrecision: number
  /** Tensors are looked at on the CPU, where fp16 and bf16 are emulated. */
  nodes: NodeError[]
  /** What lies between the inputs and the outputs, those that the precision leaves alone too. */
  network: NetworkNode[]
  inBodies: Candidates['inBodies']
  /** The first node, in the order of the network, whose result overflows, is NaN, or loses values to zero. */
  first: { overflow?: string; nan?: string; flush?: string }
  fp32: Worst
  low: Worst
  /** Scenes whose output is not finite in the format. */
  broken: string[]
  /** Those that cost most come first. */
  units: UnitCost[]
  sensitivity: Sensitivity
  trials: { run: number; remembered: number }
  /** What TensorRT made of the nodes in the format, and what each layer takes; where the output is judged there. */
  layers?: LayerMap
  /** How tensors were looked at on TensorRT itself: `NodeError.onEngine` holds what was found. */
  probed?: Probed
  /** The engine that `layers` and `probed` are of; all else is of `engine`, which is quick to try many networks on. Without `low` it could not run the network; `notes` say why. */
  target?: { engine: string; low?: Worst; notes: readonly string[] }
}

export interface ExplainOptions {
  /** Only units whose module or label matches are looked at; all others are taken as they come. */
  nodes?: RegExp
  /** Trials that the search for sensitive nodes may take, about. */
  trials?: number
  /** Units that are put into FP32 alone. */
  top?: number
  onTrial?: NonNullable<TrialOptions['onTrial']>
  /** How far the look at tensors is. */
  onTensors?: (progress: TapProgress) => void
}

/** Measures where a precision loses: every tensor's error, and what each node does to the output. */
export async function explain(
  question: Question,
  variants: Variants,
  { trials: budget = 48, top = 5, nodes: wanted, onTensors, ...options }: ExplainOptions = {},
): Promise<Explanation> {
  const { model, onnx, precision, engine, scenes } = question
  const { units, inBodies } = variants.candidates()
  const chosen = chosenUnits(units, wanted, onnx)
  const inputs = scenes.map(name => ({ name, read: () => readInput(model.golden, name) }))
  const places = new Set(chosen.flatMap(unit => units[unit]!.nodes.map(({ id }) => id)))
  const probe = await variants.probe()
  const looked = { ...probe, nodes: probe.nodes.filter(({ placed }) => places.has(placed.id)) }
  const nodes = await nodeErrors(looked, inputs, onnx, onTensors && { onBatch: onTensors })
  const network = networkOf(readModel(onnx).graph!, new Set(nodes.map(({ id }) => id)), onnx)
  const trials = await Trials.open(question, units, variants, {
    ...options,
    limit: Math.max(budget, top + 3),
  })
  const fp32 = await trials.worst(everywhere(units, 'full'))
  const lowTrial = await trials.trial(everywhere(units, 'low'))
  const low = worstOfTrial(lowTrial)
  const usedBy = async (group: readonly number[]) =>
    (await trials.worst(levelsOf(units, group, 'low', 'full'))).used
  trials.what = 'what nodes cost'
  const found = await sensitivity(chosen, usedBy, fp32.used, {
    // a hundredth of the squared error, or of the limit's square where the error is larger
    negligible: 0.1 * Math.min(1, low.used),
    trials: budget - top - 2,
    cut: cutBetweenModules(units),
  })
  const costs = unitCosts(units, found)
  trials.what = 'what nodes save'
  for (const cost of costs.filter(({ sharedBy }) => sharedBy === 1).slice(0, top)) {
    const index = units.findIndex(({ head }) => head.id === cost.nodes[0])
    cost.without = (await trials.worst(levelsOf(units, [index], 'full', 'low'))).used
  }
  const { run, remembered } = trials
  return {
    ...{ model: model.name, precision, engine, scenes, inPrecision: probe.nodes.length },
    ...{ nodes, network, inBodies, first: firstFaults(nodes) },
    ...{
      fp32,
      low,
      broken: brokenScenes(lowTrial),
      units: costs,
      sensitivity: found,
      trials: { run, remembered },
    },
  }
}

/** The places of the units that are asked for. */
function chosenUnits(units: readonly Unit[], wanted: RegExp | undefined, onnx: string): number[] {
  const names = ({ module, label }: Unit) => (module === undefined ? [label] : [module, label])
  const chosen = [...units.keys()].filter(
    unit => !wanted || names(units[unit]!).some(name => wanted.test(name)),
  )
  if (chosen.length > 0) return chosen
  const known = [...new Set(units.map(unit => names(unit)[0]))].slice(0, 5).join(', ')
  throw new DepthgateError(
    'usage',
    `--nodes ${wanted!.source}: of ${onnx} no node in the format has such a module or name. There are ${known}, …`,
  )
}

/** What every unit costs, the dearest first. Pure. */
function unitCosts(units: readonly Unit[], { groups }: Sensitivity): UnitCost[] {
  return groups
    .flatMap(({ units: members, used }) =>
      members.map(index => {
        const unit = units[index]!
        return { ...toldUnit(unit, unit.nodes), alone: used, sharedBy: members.length }
      }),
    )
    .sort((a, b) => order(b) - order(a) || a.sharedBy - b.sharedBy)
}

/** A unit of a group has its part of the group's squared error. */
function order({ alone, sharedBy }: UnitCost): number {
  return alone / Math.sqrt(sharedBy)
}

function firstFaults(nodes: readonly NodeError[]): Explanation['first'] {
  const first = (test: (node: NodeError) => boolean) => nodes.find(test)?.id
  const [overflow, nan, flush] = [
    first(({ accumulated }) => accumulated.overflowed > 0),
    first(({ accumulated }) => accumulated.nan > 0),
    first(({ accumulated }) => accumulated.flushed > 0),
  ]
  return {
    ...(overflow !== undefined && { overflow }),
    ...(nan !== undefined && { nan }),
    ...(flush !== undefined && { flush }),
  }
}
