import { plural } from '../base/plural.ts'
import type { Accuracy, BenchRow, MeasuredRow, Spread } from '../gate/bench.ts'
import { figure } from '../gate/figure.ts'
import { type BenchGroup, referenceOf } from '../gate/recommend.ts'
import { bestTiming } from '../gate/times.ts'
import { findingText } from './budget-text.ts'
import { table } from './table.ts'

const heads = [
  '',
  'precision',
  'engine',
  'plain ms',
  'graph ms',
  'p95 ms',
  'speed-up',
  'plan MB',
  'device MB',
  'build s',
  'RMSE',
  'AbsRel',
  'p99Rel',
  'verdict',
  'budget',
] as const
/** Columns of words; the others hold figures. */
const words: ReadonlySet<string> = new Set(['', 'precision', 'engine', 'verdict', 'budget'])

/** One group for a terminal. */
export function benchText(group: BenchGroup, recommend: boolean): string {
  const { head, rows, remarks } = lines(group, recommend)
  const align = head.map(name => (words.has(name) ? 'left' : 'right'))
  return [headline(group), '', ...table([head, ...rows], align), '', ...remarks].join('\n')
}

/** One group as Markdown. */
export function benchMarkdown(group: BenchGroup, recommend: boolean): string {
  const { head, rows, remarks } = lines(group, recommend)
  const row = (cells: readonly string[]) =>
    `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [
    `### ${headline(group)}`,
    '',
    row(head),
    `|${head.map(name => (words.has(name) ? '---' : '--:')).join('|')}|`,
    ...rows.map(row),
    '',
    ...remarks.map(remark => `- ${remark}`),
  ].join('\n')
}

function lines(
  group: BenchGroup,
  recommend: boolean,
): { head: readonly string[]; rows: string[][]; remarks: string[] } {
  const reference = referenceOf(group.rows)
  // the last column is for those who set a budget
  const width = group.rows.some(({ budget }) => budget) ? heads.length : heads.length - 1
  return {
    head: heads.slice(0, width),
    rows: group.rows.map(row => cells(row, group, reference).slice(0, width)),
    remarks: [...remarks(group, reference), ...(recommend ? advice(group) : [])],
  }
}

function cells(row: BenchRow, { front }: BenchGroup, reference: MeasuredRow | undefined): string[] {
  if (row.type !== 'measured')
    return ['', row.precision, row.engine, ...Array<string>(10).fill(''), row.type, row.budget?.outcome ?? '']
  const { plain, graph, accuracy } = row
  const failing = accuracy.failing.length
  return [
    front.includes(row) ? '◆' : '',
    row.precision,
    row.engine,
    `${figure(plain.median)}${flag(plain)}`,
    'median' in graph ? `${figure(graph.median)}${flag(graph)}` : '–',
    figure(bestTiming(row).p95),
    reference ? `${figure(bestTiming(reference).median / bestTiming(row).median)}×` : '',
    megabytes(row.planBytes),
    megabytes(row.deviceBytes),
    row.buildSeconds === undefined ? '' : figure(row.buildSeconds),
    figure(accuracy.rmse),
    figure(accuracy.absRel),
    figure(accuracy.p99Rel),
    failing === 0 ? 'pass' : `${failing} of ${accuracy.scenes} fail`,
    row.budget?.outcome ?? '',
  ]
}

function flag({ unstable, hostBound }: MeasuredRow['plain']): string {
  return `${unstable.length > 0 ? '~' : ''}${hostBound ? '!' : ''}`
}

function megabytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : figure(bytes / 1e6)
}

/** The machine, so that nobody compares what cannot be compared. */
function headline({ model, device, rows }: BenchGroup): string {
  const measured = rows.filter(row => row.type === 'measured')
  const prints = measured.map(({ fingerprint }) => fingerprint)
  const driver = prints.find(print => print.driver)?.driver
  const versions = [
    ...new Set(
      prints.map(({ engine, engineVersion }) => `${engine.replace(' compiled', '')} ${engineVersion}`),
    ),
  ]
  return [
    `${model} on ${device}`,
    ...(driver ? [`driver ${driver}`] : []),
    ...versions,
    ...clocks('SM clock', measured, 'smClock'),
    ...clocks('memory clock', measured, 'memoryClock'),
  ].join(', ')
}

/** "SM clock 1980 MHz", or from lowest to highest where they moved; nothing where nobody told. */
function clocks(name: string, rows: readonly MeasuredRow[], key: 'smClock' | 'memoryClock'): string[] {
  const read = rows
    .flatMap(row => timingsOf(row).flatMap(({ timing }) => [timing.before[key], timing.after[key]]))
    .filter(clock => clock !== null)
  if (read.length === 0) return []
  const [low, high] = [Math.min(...read), Math.max(...read)]
  return [`${name} ${low === high ? low : `${low} to ${high}`} MHz`]
}

function timingsOf(row: MeasuredRow) {
  return [
    { row, kind: 'plain', timing: row.plain },
    ...('median' in row.graph ? [{ row, kind: 'graph', timing: row.graph }] : []),
  ]
}

function remarks({ rows, front }: BenchGroup, reference: MeasuredRow | undefined): string[] {
  const measured = rows.filter(row => row.type === 'measured')
  const timings = measured.flatMap(timingsOf)
  const [accuracy] = measured.map(row => row.accuracy)
  return [
    measured.every(({ fingerprint }) => fingerprint.provider === 'cpu')
      ? 'Latency: median of single inferences, each from its call to its result.'
      : 'Latency: median of single inferences on the GPU, without copies unless asked for.',
    ...(accuracy ? [accuracyText(accuracy)] : []),
    ...rows.flatMap(row => (row.type === 'measured' ? [] : [absenceText(row)])),
    ...(front.length > 0 ? [`◆ no other is both faster and nearer to PyTorch (AbsRel).`] : []),
    ...timings
      .filter(({ timing }) => timing.unstable.length > 0)
      .map(({ row, kind, timing }) => `~ ${nameOf(row)}, ${kind}: not steady: ${timing.unstable.join('; ')}`),
    ...timings
      .filter(({ timing }) => timing.hostBound)
      .map(
        ({ row, kind, timing }) =>
          `! ${nameOf(row)}, ${kind}: bound by the host, which takes ${figure(timing.host)} ms to enqueue; a caller waits ${figure(timing.called)} ms`,
      ),
    ...measured
      .filter(row => 'reason' in row.graph && row.fingerprint.engine !== 'onnxruntime')
      .map(row => `${nameOf(row)}: no CUDA graph: ${(row.graph as { reason: string }).reason}`),
    ...measured.flatMap(row =>
      row.rebuilds
        ? [
            `${nameOf(row)}, ${plural(row.rebuilds.count, 'build')}: ${between(row.rebuilds.median)} ms, RMSE ${between(row.rebuilds.rmse)}`,
          ]
        : [],
    ),
    ...rows.flatMap(budgetLines),
    ...(reference ? ['speed-up: over PyTorch FP32, the faster of plain and graph of both.'] : []),
  ]
}

function accuracyText({ output, unit, scenes }: Accuracy): string {
  const worst = scenes === 1 ? 'of one scene' : `the worst of ${scenes} scenes`
  return `RMSE${unit && ` (${unit})`}, AbsRel and p99Rel: of ${output} against PyTorch's golden, ${worst}.`
}

/** The table has room for a word only, and TensorRT's come after the first line. */
function absenceText(row: Exclude<BenchRow, MeasuredRow>): string {
  const words = (row.type === 'broken' ? row.error : row.reason).replaceAll(/\s*\n\s*/g, ' ')
  return `${nameOf(row)} ${row.type}: ${words.length > 400 ? `${words.slice(0, 399)}…` : words}`
}

/** What of a budget is broken, not judged, or kept in spite of a doubt. */
function budgetLines(row: BenchRow): string[] {
  if (row.budget && row.type !== 'measured')
    return [`budget of ${nameOf(row)}: not judged, since it could not be measured`]
  return (row.budget?.findings ?? [])
    .filter(found => found.type !== 'kept' || found.doubts.length > 0)
    .map(found => `budget of ${nameOf(row)}: ${findingText(found)}`)
}

/** The fastest that passes, and why the faster ones are not it. */
function advice({ recommended, unsteady, rejected }: BenchGroup): string[] {
  return [
    recommended
      ? `recommended: ${nameOf(recommended)}, ${figure(bestTiming(recommended).median)} ms`
      : 'nothing that was measured keeps its tolerance',
    ...(unsteady.length > 0
      ? [`another run may recommend another: not steady: ${unsteady.map(nameOf).join(', ')}`]
      : []),
    ...rejected.map(({ row, reason }) => `faster, but not it: ${nameOf(row)}: ${reason}`),
  ]
}

function nameOf({ precision, engine }: BenchRow): string {
  return `${precision} on ${engine}`
}

function between({ low, high }: Spread): string {
  return `${figure(low)} to ${figure(high)}`
}
