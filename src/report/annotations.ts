import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { CaseRecord, RunRecord, TestPlace } from '../gate/run-record.ts'
import { commandData, commandProperty } from './escape.ts'
import { lackText } from './quality-text.ts'
import { byUrgency, reasonOf, sceneText, statusOf, variantText } from './words.ts'

/** GitHub shows so many errors of one step and drops the rest in silence. */
const shown = 10

interface Place {
  file: string
  line: number
}

/**
 * Workflow commands that put every failure on a line of the repository: that of its test, or where the config names its
 * model. The most urgent come first; the last that GitHub shows says how many more there are.
 */
export function annotations(
  run: RunRecord,
  configFile: string | undefined,
  workspace = process.env.GITHUB_WORKSPACE ?? process.cwd(),
): string[] {
  const failing = byUrgency(run.cases).filter(record => ['fail', 'broken'].includes(statusOf(record)))
  const config = configFile === undefined ? undefined : readLines(configFile)
  const of = (model: string) => config && { file: config.file, line: lineOf(config.lines, model) }
  const placeOf = (test: TestPlace | undefined) =>
    test && { file: join(dirname(configFile ?? 'config'), test.file), line: test.line ?? 1 }
  const errors = [
    ...run.broken.map(({ model, error, test }) =>
      command(placeOf(test) ?? of(model), `depthgate ${model}`, error),
    ),
    ...failing.map(record =>
      command(placeOf(testOf(record)) ?? of(record.model), titleOf(record), textOf(record)),
    ),
    ...run.quality
      .filter(({ pass }) => !pass)
      .map(summary =>
        command(
          of(summary.model),
          `depthgate ${summary.model} ${summary.output} ${summary.precision} on ${summary.engine}`,
          `task quality: ${lackText(summary)}`,
        ),
      ),
  ]
  if (errors.length <= shown) return errors
  const rest = errors.length - shown + 1
  return [
    ...errors.slice(0, shown - 1),
    command(undefined, 'depthgate', `${rest} more failures; see the report`),
  ]

  function command(place: Place | undefined, title: string, message: string): string {
    const at = place
      ? `file=${commandProperty(relative(workspace, place.file).replaceAll('\\', '/'))},line=${place.line},`
      : ''
    return `::error ${at}title=${commandProperty(title)}::${commandData(message)}`
  }
}

function testOf(record: CaseRecord): TestPlace | undefined {
  return record.type === 'judged' ? record.test : undefined
}

function titleOf(record: CaseRecord): string {
  return `depthgate ${sceneText(record)} ${variantText(record)}`
}

function textOf(record: CaseRecord): string {
  if (record.type !== 'judged') return record.type === 'broken' ? record.error : record.reason
  const { attribution, pass } = record.verdict
  const cause = attribution && !pass ? `\ncause: ${attribution.cause}. ${attribution.reason}` : ''
  const pictures = Object.values(record.pictures ?? {}).map(path => `\npicture: ${path}`)
  return `${reasonOf(record)}${cause}${pictures.join('')}`
}

function readLines(file: string): { file: string; lines: string[] } {
  try {
    return { file, lines: readFileSync(file, 'utf8').split('\n') }
  } catch {
    return { file, lines: [] }
  }
}

/** The first line where the config has a key of this name, else the first line. */
function lineOf(lines: readonly string[], model: string): number {
  const key = new RegExp(`(?:^|[\\s{,])(['"]?)${model.replaceAll(/[^\w-]/g, '\\$&')}\\1\\s*:`)
  return (
    Math.max(
      0,
      lines.findIndex(line => key.test(line)),
    ) + 1
  )
}
