import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import type { PlacedNode } from '../onnx/graph.ts'

/**
 * Names nodes of a network: a node's name, a tensor that it writes, a weight that it reads, an operator (`'Softmax'`), a
 * place (`'#12'`), or a pattern over names of nodes and weights, as a RegExp or as text between slashes (`'/^head/'`).
 */
export type NodePattern = string | RegExp

type Choice = (placed: PlacedNode) => boolean

/**
 * Turns patterns into a choice of nodes. Throws where one matches nothing: what it was meant to protect would be
 * converted in silence.
 * @param where how errors call the list, such as `--keep`
 */
export function chooseNodes(
  patterns: readonly NodePattern[],
  nodes: readonly PlacedNode[],
  where: string,
): Choice {
  const choices = patterns.map(pattern => {
    const matches = matcherOf(pattern, where)
    if (!nodes.some(matches))
      throw new DepthgateError(
        'precision',
        `${where} ${String(pattern)}: matches no node${hint(pattern, nodes)}`,
      )
    return matches
  })
  return placed => choices.some(matches => matches(placed))
}

function matcherOf(pattern: NodePattern, where: string): Choice {
  if (typeof pattern !== 'string' && !(pattern instanceof RegExp))
    throw new DepthgateError(
      'precision',
      `${where}: ${JSON.stringify(pattern)} is no name, operator or pattern`,
    )
  const regex = typeof pattern === 'string' ? betweenSlashes(pattern, where) : pattern
  if (regex)
    return ({ node, weights }) => {
      const names = [...(node.name === '' ? node.output : [node.name]), ...weights]
      // a global pattern would remember where it stood
      return names.some(name => name.search(regex) >= 0)
    }
  return ({ node, id, weights }) =>
    weights.includes(pattern as string) ||
    node.name === pattern ||
    node.opType === pattern ||
    `#${id}` === pattern ||
    node.output.includes(pattern as string)
}

/** `/text/` and `/text/i` are patterns; `/encoder/block` is a name, as PyTorch's exporter writes them. */
function betweenSlashes(text: string, where: string): RegExp | undefined {
  const [, source, flags] = /^\/(.+)\/(i?)$/s.exec(text) ?? []
  if (source === undefined) return undefined
  try {
    return new RegExp(source, flags)
  } catch (cause) {
    throw new DepthgateError('precision', `${where} ${text}: is no regular expression`, { cause })
  }
}

function hint(pattern: NodePattern, nodes: readonly PlacedNode[]): string {
  if (typeof pattern !== 'string' || (pattern.startsWith('/') && pattern.endsWith('/')))
    return '. `depthgate convert --list` shows every node'
  const names = new Set(
    nodes.flatMap(({ node, weights }) => [node.opType, node.name, ...node.output, ...weights]),
  )
  names.delete('')
  // a long list helps nobody: the nearest, else the operators
  const near = didYouMean(pattern, [...names])
  return near.includes('did you mean')
    ? near
    : `. Its operators are: ${[...new Set(nodes.map(({ node }) => node.opType))].sort().join(', ')}`
}
