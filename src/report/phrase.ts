import { sep } from 'node:path'
import colors from 'picocolors'
import { canBeAttributed } from '../gate/cause.ts'
import { figure, times } from '../gate/figure.ts'
import { limitFigures } from '../gate/limit-figures.ts'
import type { LimitName } from '../gate/tolerance.ts'
import type { LimitResult, MapVerdict, OutputVerdict, Verdict } from '../gate/verdict.ts'
import { unitOf } from '../golden/kinds.ts'
import type { OutputKind } from '../golden/manifest.ts'
import { catalogue, type MetricName } from '../metrics/index.ts'
import { table } from './table.ts'

/** What was written for a person to look at, by output. */
export type Evidence =
  | {
      /** Path of the picture: golden, engine and error side by side. */
      picture: string
      /** The command that shows every metric of the two maps. */
      command: string
    }
  /** Why nothing could be written. The verdict stands all the same. */
  | { problem: string }

export const pass = () => colors.green('✓')
export const fail = () => colors.red('✗')

/** Paths below the working folder as a person would type them. */
export function fromHere(text: string): string {
  const here = (process.cwd() + sep).replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  // only where a path begins: inside another path the same letters mean something else
  return text.replaceAll(new RegExp(`(?<![\\w./-])${here}`, 'g'), '')
}

/** The whole verdict, so that a person knows what to do next. */
export function verdictText(verdict: Verdict, evidence: Readonly<Record<string, Evidence>> = {}): string {
  const { model, scene, precision, fingerprint, outputs, notes } = verdict
  const head = `${model}/${scene} at ${precision} ${verdict.pass ? 'matches its golden' : 'does not match its golden'}`
  const engine =
    fingerprint &&
    `${fingerprint.engine} ${fingerprint.engineVersion}, ${fingerprint.provider}, fusion ${fingerprint.fusion}${fingerprint.arithmetic === 'emulated' ? `, ${precision} emulated` : ''}`
  const blocks = [
    [colors.bold(head), ...(engine ? [colors.dim(engine)] : [])],
    table(
      outputs.map(output => [output.pass ? pass() : fail(), output.output, output.reason]),
      ['left', 'left', 'left'],
    ),
    attributionText(verdict),
    ...outputs.filter(output => !output.pass).map(output => outputText(output, evidence[output.output])),
    notes.map(note => `note: ${note}`),
  ]
  return blocks
    .filter(block => block.length > 0)
    .map(block => block.join('\n'))
    .join('\n\n')
}

/** The cause in one line and the corners in a small table. */
export function attributionText(verdict: Verdict): string[] {
  const { attribution, pass: kept, fingerprint } = verdict
  if (!attribution)
    return kept || !fingerprint || !canBeAttributed(verdict)
      ? []
      : [colors.dim('cause: infer(…, { attribute: true }) finds out which step costs too much')]
  const { cause, reason, output, unit, corners } = attribution
  const head = ['', '', '', colors.dim(`${output} ${unit}`), colors.dim('added by the step')]
  const bothSums = new Set(corners.map(({ sums }) => sums)).has('engine')
  const rows = corners.map(
    ({ precision, fusion, arithmetic, sums, rest, given, problem, pass: keeps, error, added }) => [
      problem !== undefined ? '?' : keeps ? pass() : fail(),
      `${precision}${given ? ' as given' : arithmetic === 'emulated' && precision !== 'fp32' ? ' emulated' : ''}`,
      // told only where it tells corners apart
      `${rest ? `rest ${rest}, ` : ''}${bothSums && sums ? `summed in ${sums === 'fp32' ? 'fp32' : (rest ?? precision)}, ` : ''}fusion ${fusion}`,
      ...(problem !== undefined ? ['not run', ''] : [figure(error), figure(added)]),
    ],
  )
  return [
    ...(kept ? [] : [`${colors.bold(`cause: ${cause}`)}. ${reason}`]),
    ...table([head, ...rows], ['left', 'left', 'left', 'right', 'right']),
    ...corners.flatMap(({ precision, problem }) =>
      problem === undefined ? [] : [`? ${precision}: ${problem}`],
    ),
  ]
}

function outputText(output: OutputVerdict, evidence: Evidence | undefined): string[] {
  if (output.type !== 'map') return []
  const unit = unitOf(output.kind)
  const { pixels, actualNonFinite } = output.counts
  const partial =
    actualNonFinite > 0 && actualNonFinite < pixels ? ', figures over the finite pixels only' : ''
  return [
    colors.bold(`${output.output}${unit && ` (${unit})`}${partial}`),
    ...limitRows(output.limits, output.kind),
    ...worstText(output),
    countsText(output),
    ...evidenceText(evidence),
  ]
}

function evidenceText(evidence: Evidence | undefined): string[] {
  if (!evidence) return []
  if ('problem' in evidence) return [`no picture:  ${evidence.problem}`]
  return [`picture:     ${evidence.picture}`, `look closer: ${evidence.command}`]
}

function limitRows(limits: readonly LimitResult[], kind: OutputKind): string[] {
  const rows = limits.map(held => [
    held.pass ? pass() : fail(),
    held.name,
    withUnit(limitFigures(held)[0], held.name, kind),
    `${boundText(held, kind)}${held.stated.endsWith('%') ? ` (${held.stated})` : ''}`,
    held.pass ? colors.dim(`${figure(held.used * 100)} % of it`) : beyondText(held.used),
  ])
  return table(rows, ['left', 'left', 'right', 'left', 'left'])
}

/** Where every pixel that counts is NaN, or infinite, there is nothing to take a figure of. */
function beyondText(used: number): string {
  return Number.isNaN(used) ? 'no figure' : `${times(used)} the limit`
}

/** "≤ 0.1 m", "≥ 0.99", "1 ± 0.001" */
function boundText(held: LimitResult, kind: OutputKind): string {
  const { name } = held
  const { better } = catalogue[name]
  return `${better === 'one' ? '1 ±' : better === 'higher' ? '≥' : '≤'} ${withUnit(limitFigures(held)[1], name, kind)}`
}

/** Every metric of a map with its limit where one is set. */
export function metricsTable({ metrics, limits, kind }: MapVerdict): string[] {
  const rows = (Object.keys(catalogue) as (MetricName | 'fovErrorDeg')[])
    .filter((name): name is MetricName => name !== 'fovErrorDeg')
    .map(name => {
      const held = limits.find(limit => limit.name === name)
      return [
        held ? (held.pass ? pass() : fail()) : ' ',
        name,
        withUnit(held ? limitFigures(held)[0] : figure(metrics[name]), name, kind),
        held ? boundText(held, kind) : '',
        colors.dim(catalogue[name].title),
      ]
    })
  return table(rows, ['left', 'left', 'right', 'left', 'left'])
}

export function worstText({ worst, kind }: MapVerdict): string[] {
  if (!worst) return []
  const unit = unitOf(kind) && ` ${unitOf(kind)}`
  const { golden, actual } = worst.neighbourhood
  const off = Number.isFinite(worst.relative)
    ? ` (${worst.relative > 0 ? '+' : ''}${figure(worst.relative * 100)} %)`
    : ''
  const grid = table(
    golden.map((row, i) => [
      i === 0 ? '  golden' : '',
      ...row.map(figure),
      i === 0 ? '  engine' : '',
      ...actual[i]!.map(figure),
    ]),
    ['left', ...golden[0]!.map(() => 'right' as const), 'left', ...golden[0]!.map(() => 'right' as const)],
  )
  return [
    `worst pixel x ${worst.x}, y ${worst.y}: golden ${figure(worst.golden)}${unit}, engine ${figure(worst.actual)}${unit}${off}`,
    ...grid,
  ]
}

export function countsText(verdict: MapVerdict): string {
  return colors.dim(countsWords(verdict))
}

/** How many pixels were compared, and why others were not; without colours. */
export function countsWords({ counts }: MapVerdict): string {
  const left = [
    [counts.goldenNonFinite, 'not finite in the golden'],
    [counts.outside, 'outside the range'],
    [counts.masked, 'masked'],
  ].filter(([count]) => count !== 0)
  const without = left.map(([count, why]) => `${count} ${why}`).join(', ')
  const compared = `${counts.compared} of ${counts.pixels} pixels compared${without && ` (left out: ${without})`}`
  const { pixels, actualNonFinite } = counts
  if (actualNonFinite === 0) return compared
  return actualNonFinite === pixels
    ? `no pixel compared: none of the ${pixels} of the engine is finite`
    : `${compared}; not finite in the engine: ${actualNonFinite}`
}

function withUnit(text: string, name: LimitName | MetricName, kind: OutputKind): string {
  const { unit } = catalogue[name]
  if (unit === 'depth' && unitOf(kind)) return `${text} ${unitOf(kind)}`
  return unit === 'degrees' ? `${text}°` : text
}
