import type { Explanation, UnitCost } from '../explain/explain.ts'
import type { NodeError } from '../explain/node-errors.ts'
import { unequal } from '../explain/sensitivity.ts'
import { figure } from '../gate/figure.ts'
import { chart } from './chart.ts'
import { markup } from './escape.ts'
import { script, style } from './explain-page.ts'
import { costText, onCpu } from './explain-text.ts'
import { percent, worstText } from './trial-line.ts'

/** Where a precision loses, as one page without anything from outside: curve, search, nodes by module, sortable. */
export function explainHtml(found: Explanation): string {
  const { model, precision, engine, scenes, nodes, low, fp32, units } = found
  const costs = new Map(units.flatMap(unit => unit.nodes.map(id => [id, unit] as const)))
  const title = `${model} at ${precision}`
  const odd = unequal(found.sensitivity.splits)
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${markup(title)}: where it loses</title>
<style>${style}</style></head><body>
<h1>${markup(title)}</h1>
<p>${nodes.length} nodes in ${precision}, over ${scenes.length === 1 ? 'the scene' : 'the scenes'} ${markup(scenes.join(', '))}. The output is judged on ${markup(engine)}; tensors are ${onCpu(precision)}.</p>
<table class="plain"><tr><th>all in ${precision}</th><td>${markup(worstText(low))}</td></tr><tr><th>all in FP32</th><td>${markup(worstText(fp32))}</td></tr></table>
<h2>Drift along the network</h2>
${driftChart(nodes)}
<h2>Nodes</h2>
<p class="hint">Local: the node alone in ${precision}, from FP32's inputs. Accumulated: the network in ${precision} up to it. Both against FP32, as shares of its root mean square. Cost: the node alone in ${precision}, what the output then uses of its limits${odd.length > 0 ? `; in ${odd.length} of ${found.sensitivity.splits.length} halvings squared errors did not add up, figures there are no shares` : ''}. "/ 4": four neighbours together.</p>
<p><input id="search" type="search" placeholder="search: name, module, operator, #place" size="40"> <button id="blocks">by module</button></p>
<table id="nodes"><thead><tr>${columns.map(([name, kind]) => `<th data-kind="${kind}">${name}</th>`).join('')}</tr></thead>
${blocksOf(nodes)
  .map(block => blockBody(block, costs))
  .join('\n')}
</table>
<script>${script}</script>
</body></html>
`
}

const columns = [
  ['place', 'number'],
  ['operator', 'text'],
  ['module or name', 'text'],
  ['local', 'number'],
  ['sums', 'number'],
  ['accumulated', 'number'],
  ['largest', 'number'],
  ['beyond rounding', 'text'],
  ['cost', 'number'],
] as const

interface Block {
  name: string
  /** Blocks that differ in a number only, this one among them. */
  alike: number
  nodes: NodeError[]
}

/** Nodes by the outermost numbered module that they belong to, `encoder.blocks.0`, in the order of the network. Pure. */
function blocksOf(nodes: readonly NodeError[]): Block[] {
  const blocks = new Map<string, Block>()
  let name = '(no module)'
  for (const node of nodes) {
    // what an exporter adds between two modules stays with the first
    name = blockName(node.module) ?? name
    const block = blocks.get(name) ?? { name, alike: 0, nodes: [] }
    block.nodes.push(node)
    blocks.set(name, block)
  }
  const family = ({ name }: Block) => name.replaceAll(/\d+/g, '*')
  const alike = new Map<string, number>()
  for (const block of blocks.values()) alike.set(family(block), (alike.get(family(block)) ?? 0) + 1)
  for (const block of blocks.values()) block.alike = alike.get(family(block))!
  return [...blocks.values()]
}

function blockName(module: string | undefined): string | undefined {
  if (module === undefined) return undefined
  const parts = module.split('.')
  const numbered = parts.findIndex(part => /^\d+$/.test(part))
  return parts.slice(0, numbered === -1 ? 1 : numbered + 1).join('.')
}

/** A block's nodes under one row that stands for them; blocks that repeat, and long ones, are folded. */
function blockBody({ name, alike, nodes }: Block, costs: ReadonlyMap<string, UnitCost>): string {
  const worst = (of: (node: NodeError) => number) => share(Math.max(...nodes.map(of)))
  const folded = alike > 1 || nodes.length > 40
  const cost = Math.hypot(
    ...new Set(
      nodes
        .map(({ id }) => costs.get(id))
        .filter(unit => unit !== undefined)
        .map(({ alone, sharedBy }) => alone / Math.sqrt(sharedBy)),
    ),
  )
  return `<tbody class="${folded ? 'folded' : ''}"><tr class="block"><td colspan="3"><b>${markup(name)}</b> ${nodes.length} nodes${alike > 1 ? `, one of ${alike} alike` : ''}</td><td>${worst(({ local }) => local.relative)}</td><td></td><td>${worst(({ accumulated }) => accumulated.relative)}</td><td>${share(Math.max(...nodes.map(({ local }) => local.largest)))}</td><td></td><td>${percent(cost)}</td></tr>
${nodes.map(node => nodeRow(node, costs.get(node.id))).join('\n')}</tbody>`
}

function nodeRow(node: NodeError, cost: UnitCost | undefined): string {
  const { id, operator, label, module, tensor, local, accumulated, sums } = node
  const cells: [shown: string, sorted: number | string][] = [
    [`#${id}`, Number(id)],
    [operator, operator],
    [
      module === undefined ? markup(label) : `${markup(module)} <i>${markup(label)}</i>`,
      `${module ?? ''} ${label}`,
    ],
    [share(local.relative), local.relative],
    [sums === undefined ? '' : share(sums), sums ?? -1],
    [share(accumulated.relative), accumulated.relative],
    [share(local.largest), local.largest],
    [faults(node), faults(node)],
    cost === undefined ? ['', -1] : [costText(cost), cost.alone / Math.sqrt(cost.sharedBy)],
  ]
  const shade = (value: number) => `style="background:${heat(value)}"`
  return `<tr title="writes ${markup(tensor)}">${cells
    .map(
      ([shown, sorted], column) =>
        `<td data-sort="${markup(String(sorted))}" ${column === 3 ? shade(local.relative) : column === 5 ? shade(accumulated.relative) : ''}>${column === 2 ? shown : markup(shown)}</td>`,
    )
    .join('')}</tr>`
}

function faults({ local }: NodeError): string {
  return [
    ...(local.overflowed > 0 ? [`${local.overflowed} overflow`] : []),
    ...(local.nan > 0 ? [`${local.nan} NaN`] : []),
    ...(local.flushed > 0 ? [`${local.flushed} to zero`] : []),
  ].join(', ')
}

function share(value: number): string {
  return Number.isFinite(value) && value !== 0 ? value.toPrecision(3) : figure(value)
}

/** Red, the stronger the larger: from one in 100 000 to one. */
function heat(value: number): string {
  const strength = value > 0 ? Math.min(1, Math.max(0, (Math.log10(value) + 5) / 5)) : 0
  return `rgb(220 60 40 / ${(0.7 * strength).toFixed(2)})`
}

function driftChart(nodes: readonly NodeError[]): string {
  const marks = (of: (node: NodeError) => number) =>
    nodes.map((node, x) => ({
      x,
      y: of(node),
      label: `#${node.id} ${node.operator} ${node.module ?? node.label}: ${share(of(node))}`,
    }))
  return chart(
    [
      { name: 'accumulated', colour: '#c33', marks: marks(({ accumulated }) => accumulated.relative) },
      { name: 'local', colour: '#47a', marks: marks(({ local }) => local.relative) },
    ],
    'nodes, in the order of the network',
    "error, as a share of FP32's root mean square",
  )
}
