import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import type { Explanation, UnitCost } from '../explain/explain.ts'
import type { LayerMap } from '../explain/layer-map.ts'
import type { Probed } from '../explain/look.ts'
import type { NodeError } from '../explain/node-errors.ts'
import { unequal } from '../explain/sensitivity.ts'
import { figure } from '../gate/figure.ts'
import { isQuantized } from '../precision/quantized-weight.ts'
import { table } from './table.ts'
import { percent, trialsText, worstText } from './trial-line.ts'

/** Where a precision loses, in 80 columns. */
export function explainText(found: Explanation, top: number): string[] {
  const { model, precision, engine, scenes, inPrecision, nodes, fp32, low, first } = found
  const part = nodes.length < inPrecision ? `, ${nodes.length} of them looked at` : ''
  const labels = new Map(nodes.map(node => [node.id, node]))
  const named = (id: string) => `#${id} ${labels.get(id)!.operator} ${shortened(nameOf(labels.get(id)!), 40)}`
  return [
    colors.bold(`${model} at ${precision}: ${plural(inPrecision, 'node')} in ${precision}${part}`),
    colors.dim(
      `scenes ${shortened(scenes.join(', '), 40)}; judged on ${engine}, tensors ${onCpu(precision)}`,
    ),
    ...bodiesText(found.inBodies).map(text => colors.dim(text)),
    '',
    `all in ${precision}  ${worstText(low)}`,
    `all in FP32  ${worstText(fp32)}`,
    ...(fp32.used > 1
      ? [colors.red('FP32 itself misses its golden: what nodes cost says little'), ...missedText(model)]
      : []),
    ...brokenText(found),
    ...(['overflow', 'nan', 'flush'] as const).flatMap(fault =>
      first[fault] === undefined ? [] : [`${faultText[fault]} first at ${named(first[fault])}`],
    ),
    '',
    ...costTable(found, top),
    '',
    ...errorTable(nodes, top),
    '',
    ...targetText(found, top),
    ...additivityText(found),
    colors.dim(trialsText(found.trials)),
  ]
}

/** What to do where FP32 itself misses its golden. */
export function missedText(model: string): string[] {
  return [
    `Is the golden of this network? See: depthgate gate --model ${model} --attribute`,
    'If it is, that limit is tighter than what the export keeps in FP32: widen it',
  ]
}

/** "7 nodes stay FP32 inside If /pick, Loop /scan and 2 more", of nodes that the precision would change elsewhere. */
export function bodiesText(inBodies: Explanation['inBodies']): string[] {
  const count = inBodies.reduce((sum, { nodes }) => sum + nodes.length, 0)
  if (count === 0) return []
  const few = inBodies.slice(0, 2).map(({ operator, label }) => `${operator} ${shortened(label, 14)}`)
  const more = inBodies.length - few.length
  const holders = `${few.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  return [`${plural(count, 'node stays', 'nodes stay')} FP32 inside ${holders}`]
}

/** How tensors were looked at. */
export function onCpu(precision: Explanation['precision']): string {
  return isQuantized(precision) ? 'computed on the CPU' : 'emulated on the CPU'
}

/** A scene that overflows while others do not is a scene to look at. */
function brokenText({ broken, scenes, precision }: Explanation): string[] {
  if (broken.length === 0) return []
  const rest = scenes.length - broken.length
  const others = rest > 0 ? `, finite on ${rest === 1 ? 'the other' : `the other ${rest}`}` : ''
  return [colors.red(`not finite in ${precision} on ${shortened(broken.join(', '), 40)}${others}`)]
}

const faultText = { overflow: 'overflow', nan: 'NaN', flush: 'values flushed to zero' } as const

/** Units as they are told: those that were not told apart in one row. */
export interface CostRow {
  unit: UnitCost
  /** An operator, or how many neighbours. */
  what: string
  where: string
}

/** The rows that cost most. Pure. */
export function costRows({ units }: Explanation, top: number): CostRow[] {
  return together(units)
    .slice(0, top)
    .map(members => {
      const [unit] = members as [UnitCost, ...UnitCost[]]
      return members.length === 1
        ? { unit, what: unit.operator, where: nameOf(unit) }
        : { unit, what: `${members.length} neighbours`, where: commonModule(members) }
    })
}

function costTable(found: Explanation, top: number): string[] {
  const { precision } = found
  const rows = costRows(found, top).map(({ unit, what, where }) => [
    `#${unit.nodes[0]}`,
    shortened(what, 14),
    shortened(where, 28),
    percent(unit.alone),
    unit.without === undefined ? '' : percent(unit.without),
  ])
  return [
    colors.bold('what a node costs, of the limit that is used most'),
    ...table(
      [['', '', '', `alone in ${precision}`, 'alone in FP32'].map(text => colors.dim(text)), ...rows],
      ['right', 'left', 'left', 'right', 'right'],
    ),
  ]
}

/** Units that were not told apart stand behind one another. */
function together(units: readonly UnitCost[]): (readonly UnitCost[])[] {
  const groups: (readonly UnitCost[])[] = []
  for (let at = 0; at < units.length; at += units[at]!.sharedBy)
    groups.push(units.slice(at, at + units[at]!.sharedBy))
  return groups
}

/** The module that all are in, else where they begin and end. */
function commonModule(members: readonly UnitCost[]): string {
  const [first, last] = [nameOf(members[0]!), nameOf(members.at(-1)!)]
  const paths = members.map(member => nameOf(member).split('.'))
  const depth = paths[0]!.findIndex((part, at) => paths.some(path => path[at] !== part))
  return depth < 0 ? first : depth > 0 ? paths[0]!.slice(0, depth).join('.') : `${first} … ${last}`
}

function errorTable(nodes: readonly NodeError[], top: number): string[] {
  const worst = [...nodes]
    .sort((a, b) => b.local.relative + (b.sums ?? 0) - a.local.relative - (a.sums ?? 0))
    .slice(0, top)
  const sums = nodes.some(node => node.sums !== undefined)
  const there = nodes.some(node => node.onEngine !== undefined)
  const head = [
    ...['', '', '', 'local', ...(sums ? ['sums'] : []), 'accumulated'],
    ...[...(there ? ['on TensorRT'] : []), 'largest', ''],
  ]
  return [
    colors.bold("errors of tensors, as shares of FP32's root mean square"),
    ...table(
      [
        head.map(text => colors.dim(text)),
        ...worst.map(node => [
          `#${node.id}`,
          shortened(node.operator, 14),
          shortened(nameOf(node), sums ? 15 : 20),
          short(node.local.relative),
          ...(sums ? [node.sums === undefined ? '' : short(node.sums)] : []),
          short(node.accumulated.relative),
          ...(there ? [node.onEngine === undefined ? '' : short(node.onEngine.relative)] : []),
          short(node.local.largest),
          faults(node),
        ]),
      ],
      [
        ...(['right', 'left', 'left', 'right', 'right', 'right'] as const),
        ...[sums, there].flatMap(more => (more ? (['right'] as const) : [])),
        'left',
      ],
    ),
  ]
}

/** What was seen on TensorRT: where its layers spend their time, and whether looking at tensors changed anything. */
function targetText({ target, layers, probed, precision, nodes }: Explanation, top: number): string[] {
  if (!target) return []
  const { engine, low, notes } = target
  return [
    colors.bold(`on ${engine}, all in ${precision}: ${low ? worstText(low) : 'not run'}`),
    ...(layers ? layersText(layers, nodes, top) : []),
    ...(probed ? probedText(probed) : []),
    ...notes,
    '',
  ]
}

function layersText(map: LayerMap, nodes: readonly NodeError[], top: number): string[] {
  const known = new Map(nodes.map(node => [node.id, node]))
  const longest = [...map.layers].sort((a, b) => b.milliseconds - a.milliseconds).slice(0, top)
  const rows = longest.map(({ name, nodes: places, milliseconds, share }) => {
    const first = places.map(place => known.get(place)).find(node => node !== undefined)
    return [
      `${milliseconds.toPrecision(2)} ms`,
      percent(share),
      shortened(name, 26),
      places.length === 0 ? '' : `#${places[0]}${places.length > 1 ? ` and ${places.length - 1}` : ''}`,
      first === undefined ? '' : shortened(nameOf(first), 24),
    ]
  })
  const unmapped = map.milliseconds > 0 ? map.unmapped / map.milliseconds : 0
  return [
    `${plural(map.layers.length, 'layer')}, ${map.milliseconds.toPrecision(3)} ms one by one, ${percent(unmapped)} of no known node; the longest:`,
    ...table(
      [['time', 'share', 'layer', 'nodes', ''].map(text => colors.dim(text)), ...rows],
      ['right', 'right', 'left', 'left', 'left'],
    ),
  ]
}

function probedText({ tensors, of, fused, apart, changed }: Probed): string[] {
  const uses = `kept whole for it, the output uses ${percent(apart.used)} instead of ${percent(fused.used)}`
  return [
    `${tensors} of ${plural(of, 'tensor')} looked at there;`,
    changed ? colors.yellow(uses) : uses,
    ...(changed ? [colors.yellow("Then it is fusion: the tensors' errors are not what the plan does")] : []),
  ]
}

/** What happens to values, beyond rounding: "∞ 12" of them overflow, "0 34" are flushed. */
function faults({ local }: NodeError): string {
  const parts = [
    ...(local.overflowed > 0 ? [`∞ ${local.overflowed}`] : []),
    ...(local.nan > 0 ? [`NaN ${local.nan}`] : []),
    ...(local.flushed > 0 ? [`0 ${local.flushed}`] : []),
  ]
  return parts.join(', ')
}

function additivityText({ sensitivity: { splits } }: Explanation): string[] {
  const odd = unequal(splits)
  if (splits.length === 0) return []
  if (odd.length === 0)
    return [
      `squared errors add up in ${splits.length === 1 ? 'the one halving' : `all ${splits.length} halvings`}, within a half`,
    ]
  const [worst] = odd
  return [
    `squared errors do not add up in ${odd.length} of ${plural(splits.length, 'halving')}: ${worst!.units.length} units cost`,
    `${percent(worst!.whole)} together, their halves ${percent(worst!.parts)}. Single figures there are no shares`,
  ]
}

function short(value: number): string {
  if (!Number.isFinite(value) || value === 0) return figure(value)
  return value >= 0.01 && value < 1e5 ? String(Number(value.toPrecision(3))) : value.toExponential(1)
}

/** The module that a node came from says more than its name. */
export function nameOf({ module, label }: { module?: string; label: string }): string {
  return module ?? label
}

/** "12 %", or "12 % / 4" for four neighbours together. */
export function costText({ alone, sharedBy }: Pick<UnitCost, 'alone' | 'sharedBy'>): string {
  return sharedBy === 1 ? percent(alone) : `${percent(alone)} / ${sharedBy}`
}

/** The end of a name tells more than its beginning. */
export function shortened(text: string, length: number): string {
  return text.length <= length ? text : `…${text.slice(1 - length)}`
}
