import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import type { EngineSettings } from '../engines/settings.ts'
import { nodesAt } from '../explain/levels.ts'
import type { BuiltSet, Confirmation, MendedUnit, Mending, Point } from '../explain/mend.ts'
import { formatAt } from '../explain/plan-of.ts'
import { chart } from './chart.ts'
import { bodiesText, costText, missedText, nameOf, shortened } from './explain-text.ts'
import { table } from './table.ts'
import { percent, trialsText, worstText } from './trial-line.ts'

/** What mend found, in 80 columns. */
export function mendText(model: string, precision: string, margin: number, found: Mending): string[] {
  const { limit, spent } = found.trials
  const trials = [
    ...bodiesText(found.inBodies).map(text => colors.dim(text)),
    colors.dim(
      `${trialsText(found.trials, found.confirmation?.guide)}; ${plural(found.units, 'unit')} of nodes`,
    ),
    ...(spent
      ? [
          colors.yellow(
            `not all was tried in ${limit} trials: with more --trials ${found.type === 'unconfirmed' ? 'a set may be found' : 'it may cost less'}`,
          ),
        ]
      : []),
    ...buildsText(found.confirmation),
    ...fromFrontierText(found),
  ]
  const wanted = margin > 0 ? `every limit with a margin of ${percent(margin)}` : 'every limit'
  switch (found.type) {
    case 'hopeless':
      return [
        colors.red(`${model}: no set of nodes keeps ${wanted}`),
        colors.red(`at ${precision}: FP32 itself does not.`),
        `The best reached, everything in FP32: ${worstText(found.fp32.worst)}`,
        ...(found.fp32.worst.used > 1
          ? missedText(model)
          : ['Ask for less of a margin, or widen that limit']),
        ...trials,
      ]
    case 'passes':
      return [
        colors.green(`${model}: nothing to mend, ${precision} keeps ${wanted} as it is`),
        `all in ${precision}  ${worstText(found.low.worst)}`,
        ...trials,
      ]
    case 'mended':
      return [
        colors.green(`${model} at ${precision} keeps ${wanted} with ${chosenText(found.mended)}`),
        ...cheaperText(found),
        '',
        ...pointTable(precision, [['mended', found.mended]], found),
        '',
        ...chosenTable(precision, found.chosen),
        '',
        ...trials,
      ]
    case 'unconfirmed': {
      // without a set that was built the best is FP32 itself
      const built = found.chosen.length > 0
      return [
        colors.red(
          `${model} at ${precision}: no set of nodes was ${found.confirmation ? 'confirmed' : 'found'}`,
        ),
        colors.red(`to keep ${wanted}.`),
        ...(built ? [`The best reached, with ${chosenText(found.best)}:`, worstText(found.best.worst)] : []),
        ...(found.confirmation?.sets.some(set => 'fault' in set)
          ? [
              'FP32 as a whole keeps it. Ask for less of a margin, widen that limit, or set',
              'another `optimizationLevel` of the engine, which may have the kernels',
            ]
          : found.confirmation
            ? [
                'FP32 as a whole keeps it. Ask for less of a margin, widen that limit,',
                'or name another guide',
              ]
            : ['FP32 as a whole keeps it. Ask for less of a margin, or widen that limit']),
        '',
        ...pointTable(precision, built ? [['best', found.best]] : [], found),
        '',
        ...(built
          ? [
              colors.yellow('the best set, which was NOT confirmed'),
              ...chosenTable(precision, found.chosen),
              '',
            ]
          : []),
        ...trials,
      ]
    }
  }
}

/** A plan that is no quicker than FP32 as a whole is worth nothing. */
function cheaperText({ cheaper, mended, fp32 }: Extract<Mending, { type: 'mended' }>): string[] {
  if (cheaper !== 'fp32') return []
  const times = `it takes ${milliseconds(fp32.latency!)}, mended ${milliseconds(mended.latency!)}`
  return [colors.yellow(`FP32 as a whole is the cheaper plan: ${times}`)]
}

/** A point of the frontier is taken where it was measured to take less time than every set that was sought. */
function fromFrontierText(found: Mending): string[] {
  if (found.type !== 'mended' || !found.confirmation) return []
  const sought = found.confirmation.sets.some(set => 'point' in set && set.point === found.mended)
  return sought ? [] : [colors.dim('mended is a point of the frontier: no set that passes is as quick')]
}

function milliseconds(latency: number): string {
  return `${latency.toPrecision(3)} ms`
}

/** How many builds an answer took, and what each of its sets came to. */
function buildsText(confirmation: Confirmation | undefined): string[] {
  if (!confirmation) return []
  const { builds, sets, notes, cost } = confirmation
  const fresh = builds.fresh === 0 ? 'none now' : `${builds.fresh} now, in ${builds.seconds.toFixed(0)} s`
  return [
    ...sets.map((set, i) => colors.dim(`build ${i + 1} (${whyText[set.why]}): ${cameTo(set)}`)),
    colors.dim(
      `builds: ${builds.sets} + ${builds.ends} for the ends${builds.frontier > 0 ? ` + ${builds.frontier} for the frontier` : ''}; ${fresh}`,
    ),
    ...(cost === 'nominal' && builds.ends === 2
      ? [colors.dim('cost: nominal, for want of times of layers')]
      : []),
    ...new Set(notes),
  ]
}

function cameTo(set: BuiltSet): string {
  if ('fault' in set) return 'TensorRT has no kernel for it'
  const { point, expected } = set
  return `${percent(point.worst.used)}, expected ${percent(expected.used)}, at a cost of ${percent(point.cost)}`
}

const whyText = {
  first: 'as guided',
  missed: 'after a miss',
  safest: 'the safest',
  room: 'cheaper, as there was room',
  uneven: 'even where that could not be built',
} as const

/** Both ends and what was found between them. */
function pointTable(
  precision: string,
  between: readonly [name: string, point: Point][],
  { low, fp32 }: { low: Point; fp32: Point },
): string[] {
  const points: [string, Point][] = [[`all in ${precision}`, low], ...between, ['all in FP32', fp32]]
  const timed = points.some(([, { latency }]) => latency !== undefined)
  const head = ['', ...(timed ? ['latency'] : []), 'cost', 'most used limit'].map(text => colors.dim(text))
  const rows = points.map(([name, { cost, worst, latency }]) => [
    name,
    ...(timed ? [latency === undefined ? '' : milliseconds(latency)] : []),
    percent(cost),
    worstText(worst),
  ])
  return table([head, ...rows], ['left', ...(timed ? (['right'] as const) : []), 'right', 'left'])
}

/** Of what a set sums in FP32 on TensorRT by FP32's own kernels. */
export function tf32Hint(settings: EngineSettings, { sums }: Point): string[] {
  if (sums === 0 || settings.engine !== 'tensorrt' || settings.allowTf32 || settings.typing === 'weak')
    return []
  return [
    'hint: `allowTf32: true` of the engine lets tensor cores sum these products in',
    'FP32: all of Depth Pro in 69 ms, not 174 (an H200). Mend again with it',
  ]
}

function chosenText({ nodes, sums, rest }: Point): string {
  const parts = [
    ...(nodes > 0 ? [`${plural(nodes, 'node')} in FP32`] : []),
    ...(sums > 0 ? [`${plural(sums, 'product')} summed in FP32`] : []),
    ...(rest > 0 ? [`${plural(rest, 'product')} not quantised`] : []),
  ]
  return parts.join(' and ')
}

function chosenTable(precision: string, chosen: readonly MendedUnit[]): string[] {
  const rows = chosen.map(({ unit, level, alone, sharedBy, cost }) => [
    `#${unit.head.id}`,
    unit.operator,
    shortened(nameOf(unit), 26),
    formatAt(unit, level).replace('fp32', 'FP32'),
    costText({ alone, sharedBy }),
    percent(cost),
  ])
  const head = ['', '', '', 'in', `alone in ${precision}`, 'cost'].map(text => colors.dim(text))
  return [
    ...table([head, ...rows], ['right', 'left', 'left', 'left', 'right', 'right']),
    ...besideText(chosen),
  ]
}

/** What a reader of the table would ask: why it lists fewer nodes than are told, and what a stroke means. */
function besideText(chosen: readonly MendedUnit[]): string[] {
  const moving = chosen.reduce((sum, { unit, level }) => sum + nodesAt(unit, level).length - 1, 0)
  const shared = chosen.find(({ uncut }) => uncut) ?? chosen.find(({ sharedBy }) => sharedBy > 1)
  return [
    ...(moving > 0 ? [`and ${plural(moving, 'node that moves', 'nodes that move')} what these write`] : []),
    ...(shared
      ? [
          `% / ${shared.sharedBy}: of ${shared.sharedBy} neighbours together${shared.uncut ? '; more --trials may tell them apart' : ', that cost too little to tell apart'}`,
        ]
      : []),
  ].map(text => colors.dim(text))
}

/** What has a frontier. */
type Charted = Extract<Mending, { type: 'mended' | 'unconfirmed' }>

/** Error against latency where every point has one, else against cost, from all in the format to all in FP32, as SVG. */
export function frontierChart(found: Charted, margin: number, engine: string): string {
  const curve = found.frontier ?? []
  const [name, reached] = found.type === 'mended' ? ['mended', found.mended] : ['best', found.best]
  const timed = [...curve, reached].every(({ latency }) => latency !== undefined)
  const mark = ({ cost, latency, worst, nodes, sums, rest }: Point) => ({
    x: timed ? latency! : cost * 100,
    y: worst.used * 100,
    label: `${nodes} nodes in FP32, ${sums} summed there${rest > 0 ? `, ${rest} not quantised` : ''}: ${worstText(worst)}`,
  })
  return chart(
    [
      { name: 'dearest nodes first', hue: 'blue', marks: curve.map(mark) },
      { name, hue: 'green', marks: [{ ...mark(reached), told: name }] },
    ],
    timed ? `latency on ${engine}, ms (median)` : costTitle(found),
    'most used limit, %',
    (1 - margin) * 100,
  )
}

function costTitle({ confirmation }: Charted): string {
  const measured = confirmation?.cost === 'measured'
  return `cost, % of everything in FP32 (${measured ? 'times of layers' : 'nominal: bytes and operations'})`
}
