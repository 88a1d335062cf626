import type { PlanFigure, PlannedNode, PrecisionPlan } from '../gate/precision-plan.ts'
import { recipeText } from '../gate/recipe.ts'
import { hashOnnx } from '../onnx/hash.ts'
import type { Question } from './evaluator.ts'
import { nodesAt } from './levels.ts'
import type { MendedUnit, Mending, Point } from './mend.ts'
import { type ToldUnit, toldUnit, type Unit } from './units.ts'
import type { Variants } from './variants.ts'

/** What mend found, as the file that the config takes. Pure but for the hash of the ONNX. */
export function planOf(
  { model, onnx, precision, engine, scenes, tolerance }: Question,
  { base, arithmetic }: Variants,
  found: Extract<Mending, { type: 'mended' }>,
  margin: number,
): PrecisionPlan {
  const { confirmation, low, mended, fp32 } = found
  return {
    schemaVersion: 1,
    model: model.name,
    onnx: hashOnnx(onnx),
    precision,
    // patterns that are RegExp become text
    recipe: JSON.parse(recipeText(base)),
    made: {
      engine,
      arithmetic,
      scenes,
      margin,
      ...(tolerance && { within: tolerance }),
      trials: found.trials.run + found.trials.remembered,
      ...(confirmation && {
        guide: confirmation.guide,
        builds: confirmation.builds.sets + confirmation.builds.ends,
      }),
    },
    before: figureOf(low),
    after: figureOf(mended),
    fp32: figureOf(fp32),
    cost: rounded(mended.cost),
    nodes: found.chosen.flatMap(nodesOf),
  }
}

function nodesOf({ unit, level, alone, sharedBy, cost }: MendedUnit): PlannedNode[] {
  const used = Number.isFinite(alone) ? `${rounded(alone * 100)} % of a limit` : 'more than any limit'
  const told = sharedBy > 1 ? `with ${sharedBy - 1} neighbours ` : ''
  return nodesAt(unit, level).map(({ node, id }, index) => ({
    place: id,
    ...(node.name !== '' && { name: node.name }),
    operator: node.opType,
    writes: node.output.find(name => name !== '') ?? '',
    in: formatAt(unit, level),
    reason:
      index === 0
        ? `${told}alone in the precision it uses ${used}; ${rounded(cost * 100)} % of what FP32 costs`
        : `moves what #${unit.head.id} writes`,
  }))
}

/** What a plan lists, as data: what each unit costs in figures and not in a reason. */
type ChosenUnit = ToldUnit & Pick<PlannedNode, 'in'> & Omit<MendedUnit, 'unit' | 'level'>

export function chosenUnit({ unit, level, ...figures }: MendedUnit): ChosenUnit {
  return { ...toldUnit(unit, nodesAt(unit, level)), in: formatAt(unit, level), ...figures }
}

export function formatAt({ quantized }: Unit, level: MendedUnit['level']): PlannedNode['in'] {
  if (level === 'sum') return 'fp32 sums'
  return level === 'rest' && quantized ? quantized.rest : 'fp32'
}

function figureOf({ worst: { used, limit, scene }, latency }: Point): PlanFigure {
  return {
    used: Number.isFinite(used) ? rounded(used) : 'Infinity',
    ...{ limit, scene },
    ...(latency !== undefined && { latency: rounded(latency) }),
  }
}

/** Four digits: a plan is read by people, and kept in version control. */
function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
