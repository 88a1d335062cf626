import type { Explanation } from '../../explain/explain.ts'
import type { NodeError } from '../../explain/node-errors.ts'
import { type Container, containersOf } from './containers.ts'
import { foldNetwork } from './fold.ts'

/** A number for JSON, in as many digits as a page shows; what JSON has no sign for as text. */
type Figure = number | string | null

/**
 * What the page's script draws from, in columns: a row a node, those that are drawn first. `null` where a figure does not
 * exist, such as every figure of a node that the precision leaves alone.
 */
export interface PageData {
  precision: string
  /** How many of the rows are drawn. */
  drawn: number
  containers: Container[]
  blocks: { name: string; alike: number }[]
  /** Of a TensorRT plan, what stands behind `layers`. */
  plan: { name: string; milliseconds: Figure }[]
  columns: {
    id: string[]
    operator: string[]
    module: string[]
    label: string[]
    tensor: string[]
    shape: string[]
    block: number[]
    local: Figure[]
    sums: Figure[]
    accumulated: Figure[]
    engine: Figure[]
    largest: Figure[]
    overflow: Figure[]
    nan: Figure[]
    flushed: Figure[]
    alone: Figure[]
    sharedBy: Figure[]
    layers: (readonly number[])[]
  }
}

/** Everything the page's script needs of an explanation. Pure. */
export function pageData({ precision, nodes, network, units, layers }: Explanation): PageData {
  const errors = new Map(nodes.map(node => [node.id, node]))
  const costs = new Map(units.flatMap(unit => unit.nodes.map(id => [id, unit] as const)))
  const inDrawing = new Set(network.map(({ id }) => id))
  const rows = [...network, ...nodes.filter(({ id }) => !inDrawing.has(id))]
  const places = new Map(network.map(({ id }, index) => [id, index]))
  const reads = network.map(node => node.reads.map(id => places.get(id)!))
  const folded = foldNetwork(
    network.map(({ id, operator, module }) => ({
      operator,
      ...(module !== undefined && { module }),
      ...(errors.has(id) && { shape: errors.get(id)!.shape }),
    })),
  )
  const { blocks, blockOf } = blocksOf(rows)
  const error = (of: (node: NodeError) => number | undefined) =>
    rows.map(({ id }) => (errors.has(id) ? exact(of(errors.get(id)!)) : null))
  return {
    ...{ precision, drawn: network.length, containers: containersOf(folded, reads), blocks },
    plan: (layers?.layers ?? []).map(({ name, milliseconds }) => ({
      name,
      milliseconds: exact(milliseconds),
    })),
    columns: {
      id: rows.map(({ id }) => id),
      operator: rows.map(({ operator }) => operator),
      module: rows.map(({ module = '' }) => module),
      label: rows.map(({ label }) => label),
      tensor: rows.map(({ id }) => errors.get(id)?.tensor ?? ''),
      shape: rows.map(({ id }) => errors.get(id)?.shape.join('×') ?? ''),
      block: blockOf,
      local: error(({ local }) => local.relative),
      sums: error(({ sums }) => sums),
      accumulated: error(({ accumulated }) => accumulated.relative),
      engine: error(({ onEngine }) => onEngine?.relative),
      largest: error(({ local }) => local.largest),
      overflow: error(({ local }) => local.overflowed),
      nan: error(({ local }) => local.nan),
      flushed: error(({ local }) => local.flushed),
      alone: rows.map(({ id }) => exact(costs.get(id)?.alone)),
      sharedBy: rows.map(({ id }) => exact(costs.get(id)?.sharedBy)),
      layers: rows.map(({ id }) => layers?.layersOf[id] ?? []),
    },
  }
}

function exact(value: number | undefined): Figure {
  if (value === undefined) return null
  return Number.isFinite(value) ? Number(value.toPrecision(6)) : String(value)
}

/**
 * Nodes by the outermost numbered module that they belong to, `encoder.blocks.0`; what an exporter adds between two modules
 * stays with the first. Blocks are alike that differ in a number only.
 */
function blocksOf(nodes: readonly { module?: string }[]): {
  blocks: PageData['blocks']
  blockOf: number[]
} {
  const names: string[] = []
  const places = new Map<string, number>()
  let name = '(no module)'
  const blockOf = nodes.map(({ module }) => {
    name = blockName(module) ?? name
    const place = places.get(name) ?? names.push(name) - 1
    places.set(name, place)
    return place
  })
  const family = (block: string) => block.replaceAll(/\d+/g, '*')
  const alike = new Map<string, number>()
  for (const block of names) alike.set(family(block), (alike.get(family(block)) ?? 0) + 1)
  return { blocks: names.map(block => ({ name: block, alike: alike.get(family(block))! })), blockOf }
}

function blockName(module: string | undefined): string | undefined {
  if (module === undefined) return undefined
  const parts = module.split('.')
  const numbered = parts.findIndex(part => /^\d+$/.test(part))
  return parts.slice(0, numbered === -1 ? 1 : numbered + 1).join('.')
}
