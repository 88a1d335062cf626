import { shellWord } from '../base/shell.ts'
import type { PlannedNode, PrecisionPlan } from '../gate/precision-plan.ts'

/** A plan in the words of another tool, and the nodes that it cannot be told by name. */
export interface Foreign {
  /** Absent where it can be told none of them. */
  text?: string
  untold: PlannedNode[]
}

/**
 * A plan as arguments of trtexec for TensorRT up to 10, with weak typing: its parser calls a layer as its ONNX node, and
 * trtexec splits the list at commas and colons.
 */
export function trtexecArguments(plan: PrecisionPlan): Foreign {
  const { told, untold } = namedNodes(plan, name => !/[,:*\s"']/.test(name))
  const layers = told.map(node => `${node.name}:${node.in === 'fp32 sums' ? 'fp32' : node.in}`).join(',')
  const rest = 'rest' in plan.recipe && plan.recipe.rest !== 'fp32' ? ` --${plan.recipe.rest}` : ''
  return {
    ...(told.length > 0 && {
      text: `--${plan.precision}${rest} --precisionConstraints=obey ${shellWord(`--layerPrecisions=${layers}`)}`,
    }),
    untold,
  }
}

/** A plan as arguments of NVIDIA ModelOpt's AutoCast: regular expressions over names of nodes. */
export function modelOptArguments(plan: PrecisionPlan): Foreign {
  const { told, untold } = namedNodes(plan)
  const patterns = told.map(({ name }) => shellWord(`^${name!.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`))
  return { ...(told.length > 0 && { text: `--nodes_to_exclude ${patterns.join(' ')}` }), untold }
}

function namedNodes(
  { nodes }: PrecisionPlan,
  fits: (name: string) => boolean = () => true,
): { told: PlannedNode[]; untold: PlannedNode[] } {
  const canBeTold = ({ name }: PlannedNode) => name !== undefined && fits(name)
  return { told: nodes.filter(canBeTold), untold: nodes.filter(node => !canBeTold(node)) }
}
