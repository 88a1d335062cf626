import colors from 'picocolors'
import type { MendedUnit, Mending, Point } from '../explain/mend.ts'
import { chart } from './chart.ts'
import { costText, nameOf, shortened } from './explain-text.ts'
import { table } from './table.ts'
import { percent, worstText } from './trial-line.ts'

/** What mend found, in 80 columns. */
export function mendText(model: string, precision: string, margin: number, found: Mending): string[] {
  const trials = colors.dim(
    `${found.trials.run} trials run, ${found.trials.remembered} known from before; ${found.units} units of nodes`,
  )
  const wanted = margin > 0 ? `every limit with a margin of ${percent(margin)}` : 'every limit'
  switch (found.type) {
    case 'hopeless':
      return [
        colors.red(`${model}: no set of nodes keeps ${wanted} at ${precision}: FP32 itself does not.`),
        `The best reached, everything in FP32: ${worstText(found.fp32.worst)}`,
        found.fp32.worst.used > 1
          ? `Is the golden of this network? See: depthgate gate --model ${model} --precision fp32 --attribute`
          : 'Ask for less of a margin, or widen that limit',
        trials,
      ]
    case 'passes':
      return [
        colors.green(`${model}: nothing to mend, ${precision} keeps ${wanted} as it is`),
        `all in ${precision}  ${worstText(found.low.worst)}`,
        trials,
      ]
    case 'mended':
      return [
        colors.green(`${model} at ${precision} keeps ${wanted} with ${chosenText(found.mended)}`),
        '',
        ...table(
          [
            ['', 'cost', 'most used limit'].map(text => colors.dim(text)),
            pointRow(`all in ${precision}`, found.low),
            pointRow('mended', found.mended),
            pointRow('all in FP32', found.fp32),
          ],
          ['left', 'right', 'left'],
        ),
        '',
        ...chosenTable(precision, found.chosen),
        '',
        trials,
      ]
  }
}

function chosenText({ nodes, sums }: Point): string {
  const parts = [
    ...(nodes > 0 ? [`${nodes} ${nodes === 1 ? 'node' : 'nodes'} in FP32`] : []),
    ...(sums > 0 ? [`${sums} ${sums === 1 ? 'product' : 'products'} summed in FP32`] : []),
  ]
  return parts.join(' and ')
}

function pointRow(name: string, { cost, worst }: Point): string[] {
  return [name, percent(cost), worstText(worst)]
}

function chosenTable(precision: string, chosen: readonly MendedUnit[]): string[] {
  const rows = chosen.map(({ unit, level, alone, sharedBy, cost }) => [
    `#${unit.head.id}`,
    unit.operator,
    shortened(nameOf(unit), 26),
    level === 'full' ? 'FP32' : 'FP32 sums',
    costText({ alone, sharedBy }),
    percent(cost),
  ])
  const head = ['', '', '', 'in', `alone in ${precision}`, 'cost'].map(text => colors.dim(text))
  return table([head, ...rows], ['right', 'left', 'left', 'left', 'right', 'right'])
}

/** Error against cost, from all in the format to all in FP32, as SVG. */
export function frontierChart(found: Extract<Mending, { type: 'mended' }>, margin: number): string {
  const mark = ({ cost, worst, nodes, sums }: Point) => ({
    x: cost * 100,
    y: worst.used * 100,
    label: `${nodes} nodes in FP32, ${sums} summed there: ${worstText(worst)}`,
  })
  return chart(
    [
      { name: 'dearest nodes first', colour: '#47a', marks: (found.frontier ?? []).map(mark) },
      { name: 'mended', colour: '#2a7', marks: [{ ...mark(found.mended), told: 'mended' }] },
    ],
    'cost, % of everything in FP32 (nominal: bytes and operations)',
    'most used limit, %',
    (1 - margin) * 100,
  )
}
