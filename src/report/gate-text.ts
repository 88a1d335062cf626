import colors from 'picocolors'
import { figure } from '../gate/figure.ts'
import type { Case, CaseResult } from '../gate/gate.ts'
import type { LimitResult, Verdict } from '../gate/verdict.ts'
import { primaryOutput, unitOf } from '../golden/kinds.ts'
import { fail, fromHere, pass } from './phrase.ts'

const columns = ['precision', 'rmse', 'absRel', 'p99Rel', 'fov err', 'run'] as const
const width = 10

/** Lines of one gate run, each as wide as the others, so that they can be printed one by one. */
export function gateTable(cases: readonly Case[]) {
  const names = Math.max(...cases.map(item => nameOf(item).length), 'scene'.length)
  const line = (mark: string, name: string, cells: readonly string[], tail: string) =>
    `${mark} ${name.padEnd(names)}  ${cells.map(cell => cell.padStart(width)).join(' ')}   ${tail}`.trimEnd()
  return {
    head: () => colors.dim(line(' ', 'scene', columns, 'nearest its limit')),
    row: (result: CaseResult) => {
      const { precision } = result.case
      if (result.type === 'broken')
        return line(
          fail(),
          nameOf(result.case),
          [precision, '', '', '', '', ''],
          `broken: ${fromHere(result.error.split('\n')[0]!)}`,
        )
      const { verdict, milliseconds } = result
      return line(
        verdict.pass ? pass() : fail(),
        nameOf(result.case),
        [precision, ...figuresOf(result.case, verdict), `${milliseconds.toFixed(0)} ms`],
        nearestLimit(verdict),
      )
    },
  }
}

/** "11 passed, 1 failed, 0 broken" and the times. */
export function gateSummary(results: readonly CaseResult[], brokenModels: number, seconds: number): string {
  const count = (test: (result: CaseResult) => boolean) => results.filter(test).length
  const passed = count(result => result.type === 'judged' && result.verdict.pass)
  const failed = count(result => result.type === 'judged' && !result.verdict.pass)
  const broken = count(result => result.type === 'broken') + brokenModels
  const inference =
    results.reduce((sum, result) => sum + (result.type === 'judged' ? result.milliseconds : 0), 0) / 1000
  const text = `${passed} passed, ${failed} failed${broken ? `, ${broken} broken` : ''}`
  return `${broken || failed ? colors.red(text) : colors.green(text)}${colors.dim(` in ${seconds.toFixed(1)} s, ${inference.toFixed(1)} s of it inference`)}`
}

function nameOf({ model, scene }: Case): string {
  return `${model.name}/${scene}`
}

/** RMSE, AbsRel and p99Rel of the map that people look at first, and the error of the field of view. */
function figuresOf({ model }: Case, verdict: Verdict): string[] {
  const primary = verdict.outputs.find(
    output => output.output === primaryOutput(model.golden.manifest.outputs),
  )
  const fov = verdict.outputs.find(output => output.type === 'fov')
  const map = primary?.type === 'map' ? primary : undefined
  const unit = map && unitOf(map.kind)
  return [
    map ? `${figure(map.metrics.rmse)}${unit && ` ${unit}`}` : '',
    map ? figure(map.metrics.absRel) : '',
    map ? figure(map.metrics.p99Rel) : '',
    fov?.type === 'fov' ? `${figure(fov.limits[0]?.value ?? Math.abs(fov.actual - fov.golden))}°` : '',
  ]
}

/** The limit that is used most, over all outputs: "depth p99Rel at 12 %". */
function nearestLimit({ outputs }: Verdict): string {
  let nearest: { output: string; limit: LimitResult } | undefined
  for (const output of outputs) {
    if (output.type === 'incomparable' || (output.type === 'map' && output.counts.actualNonFinite > 0))
      return `${output.output}: ${output.reason}`
    for (const limit of output.limits)
      if (!nearest || limit.used > nearest.limit.used) nearest = { output: output.output, limit }
  }
  if (!nearest) return 'no limit is set'
  const { output, limit } = nearest
  const amount = limit.used > 1 ? `${figure(limit.used)}× the limit` : `at ${figure(limit.used * 100)} %`
  return `${output} ${limit.name} ${amount}`
}
