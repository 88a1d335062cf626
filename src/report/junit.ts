import { join, relative } from 'node:path'
import { type CaseRecord, passes, type QualitySummary, type RunRecord } from '../gate/run-record.ts'
import type { OutputVerdict } from '../gate/verdict.ts'
import { catalogue, type MetricName } from '../metrics/index.ts'
import { markup, oneLine, xmlAttribute } from './escape.ts'
import { lackText } from './quality-text.ts'
import { recordText } from './record-text.ts'
import { reasonOf, secondsOf, tally } from './words.ts'

/**
 * JUnit XML as GitLab, Jenkins and the common GitHub actions read it: one suite a variant, one test a scene; every metric
 * a property, the picture of a failure as an attachment. `root` is the folder that the run's pictures are relative to;
 * their paths are written relative to `cwd`, which CI systems take for the project.
 */
export function junitXml(run: RunRecord, root: string, cwd = process.cwd()): string {
  const suites = [...variants(run.cases)].map(([name, cases]) => suiteXml(run, name, cases, root, cwd))
  const broken = run.broken.map(
    ({ model, error }) =>
      `    <testcase classname="depthgate" name=${attribute(model)} time="0">\n      <error type="broken" message=${attribute(oneLine(error))}>${markup(error)}</error>\n    </testcase>`,
  )
  const quality = run.quality.filter(({ limit }) => limit !== undefined).map(qualityXml)
  const extra = [
    ...(broken.length > 0 ? [suite(run, 'not planned', broken, 0, broken.length, 0, 0)] : []),
    ...(quality.length > 0
      ? [suite(run, 'task quality', quality, run.quality.filter(({ pass }) => !pass).length, 0, 0, 0)]
      : []),
  ]
  const counts = tally(run.cases)
  const failures = counts.fail + run.quality.filter(({ pass }) => !pass).length
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="depthgate" tests="${run.cases.length + broken.length + quality.length}" failures="${failures}" errors="${counts.broken + broken.length}" time="${secondsOf(run).toFixed(3)}">
${[...suites, ...extra].join('\n')}
</testsuites>
`
}

function variants(cases: readonly CaseRecord[]): Map<string, CaseRecord[]> {
  const found = new Map<string, CaseRecord[]>()
  for (const record of cases) {
    const name = `${record.model} ${record.precision} on ${record.engine}`
    found.set(name, [...(found.get(name) ?? []), record])
  }
  return found
}

function suiteXml(run: RunRecord, name: string, cases: CaseRecord[], root: string, cwd: string): string {
  const counts = tally(cases)
  const seconds = cases.reduce((sum, record) => sum + secondsOfCase(record), 0)
  const tests = cases.map(record => caseXml(record, root, cwd))
  return suite(run, name, tests, counts.fail, counts.broken, counts.skipped, seconds)
}

function suite(
  { header }: RunRecord,
  name: string,
  tests: string[],
  failures: number,
  errors: number,
  skipped: number,
  seconds: number,
): string {
  return `  <testsuite name=${attribute(name)} tests="${tests.length}" failures="${failures}" errors="${errors}" skipped="${skipped}" time="${seconds.toFixed(3)}" timestamp="${xmlAttribute(header.started.replace(/\.\d+Z?$|Z$/, ''))}">
${tests.join('\n')}
  </testsuite>`
}

function caseXml(record: CaseRecord, root: string, cwd: string): string {
  const { model, scene, precision, engine } = record
  const test = record.type === 'judged' ? record.test : undefined
  const name = `${scene} ${precision} on ${engine}${test ? `: ${test.name}` : ''}`
  const line = test?.line === undefined ? '' : ` line="${test.line}"`
  const file = test ? ` file=${attribute(test.file)}${line}` : ''
  const parts = [...propertiesXml(record), ...outcomeXml(record), ...attachmentsXml(record, root, cwd)]
  // readers take what stands behind the last dot for the name of a class
  const head = `    <testcase classname=${attribute(`depthgate.${model.replaceAll('.', '_')}`)} name=${attribute(name)} time="${secondsOfCase(record).toFixed(3)}"${file}`
  return parts.length === 0 ? `${head}/>` : `${head}>\n${parts.join('\n')}\n    </testcase>`
}

function secondsOfCase(record: CaseRecord): number {
  return record.type === 'judged' && Number.isFinite(record.milliseconds) ? record.milliseconds / 1000 : 0
}

function propertiesXml(record: CaseRecord): string[] {
  if (record.type !== 'judged') return []
  const { verdict } = record
  const properties: [string, string][] = verdict.outputs.flatMap(output =>
    figuresOf(output).map(([name, value]): [string, string] => [`${output.output}.${name}`, value]),
  )
  for (const [key, value] of Object.entries(verdict.fingerprint ?? {}))
    properties.push([`fingerprint.${key}`, typeof value === 'object' ? JSON.stringify(value) : String(value)])
  if (verdict.attribution) properties.push(['cause', verdict.attribution.cause])
  const lines = properties.map(
    ([name, value]) => `        <property name=${attribute(name)} value=${attribute(value)}/>`,
  )
  return ['      <properties>', ...lines, '      </properties>']
}

function figuresOf(output: OutputVerdict): [string, string][] {
  if (output.type === 'incomparable') return []
  const metrics: [string, string][] =
    output.type === 'fov'
      ? [['degrees', String(output.actual)]]
      : (Object.keys(output.metrics) as MetricName[])
          .filter(name => Object.hasOwn(catalogue, name))
          .map(name => [name, String(output.metrics[name])])
  return [
    ...metrics,
    ...output.limits.map(({ name, limit }): [string, string] => [`${name}.limit`, String(limit)]),
  ]
}

function outcomeXml(record: CaseRecord): string[] {
  const message = `message=${attribute(oneLine(reasonOf(record)))}`
  if (record.type === 'skipped') return [`      <skipped ${message}/>`]
  if (record.type === 'broken')
    return [`      <error type="broken" ${message}>${markup(record.error)}</error>`]
  if (passes(record)) return []
  const type = record.verdict.pass ? 'baseline' : 'tolerance'
  return [`      <failure type="${type}" ${message}>${markup(recordText(record))}</failure>`]
}

/** Jenkins wants each on its own line, GitLab takes the path as relative to the project. */
function attachmentsXml(record: CaseRecord, root: string, cwd: string): string[] {
  if (record.type !== 'judged' || !record.pictures) return []
  const lines = Object.values(record.pictures).map(
    picture => `[[ATTACHMENT|${markup(relative(cwd, join(root, picture)).replaceAll('\\', '/'))}]]`,
  )
  return lines.length === 0 ? [] : [`      <system-out>\n${lines.join('\n')}\n</system-out>`]
}

function qualityXml(summary: QualitySummary): string {
  const { model, precision, engine, output, kept, tier, pass } = summary
  const name = `${model} ${output} ${precision} on ${engine}`
  const message = `${lackText(summary)}, tier ${tier}`
  const outcome = pass ? '' : `\n      <failure type="quality" message=${attribute(message)}/>`
  return `    <testcase classname="depthgate.quality" name=${attribute(name)} time="0">
      <properties>
        <property name="kept.delta1" value="${kept.delta1}"/>
        <property name="kept.absRel" value="${kept.absRel}"/>
      </properties>${outcome}
    </testcase>`
}

function attribute(text: string): string {
  return `"${xmlAttribute(text)}"`
}
