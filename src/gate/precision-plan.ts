import { DepthgateError } from '../base/errors.ts'
import { readSource } from '../base/files.ts'
import { parseJson } from '../base/json.ts'
import { validated } from '../base/validate.ts'
import { type PlacedNode, placedNodes } from '../onnx/graph.ts'
import { hashOnnx } from '../onnx/hash.ts'
import { readModel } from '../onnx/model.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { planVersion, precisionPlanSchema } from './precision-plan-schema.ts'
import { type QuantizedRecipe, type ReducedRecipe, withNodes } from './recipe.ts'
import { recipeSchemas } from './recipe-schema.ts'

/** The limit that is used most, over all scenes. */
export interface PlanFigure {
  /** Share of the limit; the text `Infinity` where values are not finite. */
  used: number | 'Infinity'
  /** Output and metric, such as `depth absRel`. */
  limit: string
  scene: string
  /** Median of an inference on the engine in milliseconds, where it was timed. */
  latency?: number
}

/** One node that is not computed as the precision says. */
export interface PlannedNode {
  /** Where it stands in the graph of the ONNX that the plan was made for. */
  place: string
  /** Absent where the ONNX gives it none. */
  name?: string
  operator: string
  /** The first tensor that it writes. */
  writes: string
  /** A format: what it is in the place of the precision; of a quantised one also that of its rest. */
  in: 'fp32' | 'fp32 sums' | 'fp16' | 'bf16'
  reason: string
}

/** What `depthgate mend` found: the nodes of one ONNX that a precision needs in FP32, and why. */
export interface PrecisionPlan {
  $schema?: string
  schemaVersion: typeof planVersion
  model: string
  /** SHA-256 of the FP32 ONNX. */
  onnx: string
  precision: RoundedFormat | QuantizedFormat
  recipe: ReducedRecipe | QuantizedRecipe
  made: {
    engine: string
    arithmetic: 'native' | 'emulated'
    scenes: readonly string[]
    margin: number
    within?: object
    trials: number
    /** The engine that the search ran on, where the other one only confirmed. */
    guide?: string
    /** Networks that the engine was asked to build for it. */
    builds?: number
  }
  before: PlanFigure
  after: PlanFigure
  fp32: PlanFigure
  cost: number
  nodes: PlannedNode[]
}

/** Reads the plan that a config names for a precision. */
export function readPlan(file: string, precision: PrecisionPlan['precision']): PrecisionPlan {
  const plan = readAnyPlan(file)
  if (plan.precision === precision) return plan
  throw new DepthgateError(
    'precision',
    `${file}: is a plan for ${plan.precision}, the config names it for ${precision}`,
  )
}

/** Reads a plan of whatever precision and checks that it is one. */
export function readAnyPlan(file: string): PrecisionPlan {
  const text = Buffer.from(
    readSource(file, 'precision', 'Make it with `depthgate mend`, or correct the recipe in the config'),
  ).toString('utf8')
  const data = parseJson(text, file, 'precision')
  const version = (data as { schemaVersion?: unknown } | null)?.schemaVersion
  if (version !== undefined && version !== planVersion)
    throw new DepthgateError(
      'precision',
      `${file}: has schemaVersion ${JSON.stringify(version)}, this depthgate reads ${planVersion}. Update depthgate, or make the plan again with \`depthgate mend\``,
    )
  const plan = validated<PrecisionPlan>(precisionPlanSchema, data, file, 'precision')
  // the schema of plans leaves open what a recipe is: each precision has keys of its own
  const recipe = validated<PrecisionPlan['recipe']>(
    recipeSchemas[plan.precision],
    plan.recipe,
    `${file}: recipe`,
    'precision',
  )
  const { rest = 'fp32' } = recipe as QuantizedRecipe
  const odd = plan.nodes.find(node => node.in !== 'fp32' && node.in !== 'fp32 sums' && node.in !== rest)
  if (odd)
    throw new DepthgateError(
      'precision',
      `${file}: has ${odd.operator} ${JSON.stringify(odd.name ?? odd.writes)} in ${odd.in}, and its recipe no rest of ${odd.in}. Make the plan again with \`depthgate mend\``,
    )
  return plan
}

/**
 * A plan as a recipe for an ONNX. For the one that it was made for nodes are found by their places; for another by name,
 * operator and what they write, with a note. Throws where one is gone.
 */
export function planRecipe(
  plan: PrecisionPlan,
  onnx: string,
  file: string,
): { recipe: PrecisionPlan['recipe']; notes: string[] } {
  const hash = hashOnnx(onnx)
  const fits = hash === plan.onnx
  const placed = fits ? [] : [...placedNodes(readModel(onnx).graph!)]
  const gone: PlannedNode[] = []
  const places = (...where: PlannedNode['in'][]) =>
    plan.nodes
      .filter(node => where.includes(node.in))
      .flatMap(node => {
        if (fits) return [`#${node.place}`]
        const found = placed.filter(candidate => isSame(candidate, node))
        if (found.length !== 1) gone.push(node)
        return found.map(({ id }) => `#${id}`)
      })
  const recipe = withNodes(plan.recipe, {
    fp32: places('fp32'),
    sums: places('fp32 sums'),
    rest: places('fp16', 'bf16'),
  })
  if (gone.length > 0)
    throw new DepthgateError(
      'precision',
      `${file}: was made for another ONNX than ${onnx}, which has no single node ${gone
        .slice(0, 3)
        .map(({ operator, name, writes }) => `${operator} ${JSON.stringify(name ?? writes)}`)
        .join(
          ', ',
        )}${gone.length > 3 ? ` and ${gone.length - 3} more` : ''}. Make the plan again with \`depthgate mend\``,
    )
  return {
    recipe,
    notes: fits
      ? []
      : [
          `${file} was made for another ONNX (SHA-256 ${plan.onnx.slice(0, 12)}…, this one is ${hash.slice(0, 12)}…); its nodes were found by name. Make it again with \`depthgate mend\``,
        ],
  }
}

function isSame({ node, id }: PlacedNode, { name, operator, writes }: PlannedNode): boolean {
  if (id.includes('/') || node.opType !== operator) return false
  return name === undefined ? node.output.includes(writes) : node.name === name
}
