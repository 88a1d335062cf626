/** Vitest reporter: `reporters: ['default', 'depthgate/reporter']` makes the reports of the gate from a run of tests. */

// of this process, whose environment is that of threads too
import '../engines/onnxruntime/telemetry.ts'
import { existsSync, rmSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { Reporter, TestCase, TestModule, TestRunEndReason, Vitest } from 'vitest/node'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson, withNumbers } from '../base/json.ts'
import { checkKeys } from '../base/options.ts'
import { plain } from '../base/plain.ts'
import { version } from '../base/version.ts'
import { type LoadedConfig, loadConfig } from '../gate/config.ts'
import { hostFacts } from '../gate/finish-run.ts'
import { type JudgedRecord, type RunRecord, runVersion, type TestPlace } from '../gate/run-record.ts'
import { newRunId } from '../gate/run-store.ts'
import { type ReportRequest, reportRequests, writeReports } from '../report/reports.ts'
import { notesOf, testRunFolder } from './note.ts'

export interface ReporterOptions {
  /** As `--report` of the gate: `'html'`, `'junit=out/junit.xml'`, …; by default the page alone. */
  report?: string[]
}

export default class DepthgateReporter implements Reporter {
  readonly #requests: ReportRequest[]
  #vitest: Vitest | undefined
  #started = new Date()

  constructor(options: ReporterOptions = {}) {
    checkKeys(options, ['report'], 'depthgate/reporter')
    this.#requests = reportRequests(options.report)
  }

  onInit(vitest: Vitest): void {
    this.#vitest = vitest
    // tells the matcher that somebody wants the maps
    for (const project of vitest.projects) project.provide('depthgateMaps', true)
  }

  onTestRunStart(): void {
    this.#started = new Date()
    const config = configOf([])
    const { mergeReports, shard } = this.#vitest?.config ?? {}
    // maps of the run before; a merge needs what the shards left, whichever ran last
    if (config && !mergeReports && !shard)
      rmSync(join(config.root, testRunFolder, 'maps'), { recursive: true, force: true })
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    errors: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const say = (line: string) => this.#vitest?.logger.log(plain(line))
    const tests = modules.flatMap(module => [...module.children.allTests()])
    const config = configOf(tests)
    const run = runOfTests(tests, {
      started: this.#started,
      partial: reason === 'interrupted',
      config,
    })
    for (const error of errors)
      if (error.name === 'DepthgateError')
        run.broken.push({ model: 'outside of a test', error: error.message })
    if (run.cases.length === 0 && run.broken.length === 0) {
      say('depthgate: no test called toMatchGolden, so there is nothing to report')
      return
    }

    const folder = join(config?.root ?? process.cwd(), testRunFolder)
    try {
      writeWhole(join(folder, 'run.json'), `${honestJson(run)}\n`)
    } catch (thrown) {
      say(`note: ${messageOf(thrown)}`)
    }
    const { paths, commands, problems } = writeReports(
      { run, folder, ...(config && { config }) },
      this.#wanted(),
    )
    for (const path of paths) say(`depthgate report: ${relative(process.cwd(), path)}`)
    for (const command of commands) say(command)
    for (const problem of problems) say(`note: ${problem}`)
  }

  /** Vitest's own annotations stand on the same lines; two would be one too many. */
  #wanted(): ReportRequest[] {
    const theirs = this.#vitest?.config.reporters.some(
      reporter => Array.isArray(reporter) && reporter[0] === 'github-actions',
    )
    return theirs ? this.#requests.filter(({ format }) => format !== 'github') : this.#requests
  }
}

/** The config that the tests were judged by; after a merge of shards from other machines the one found here. */
function configOf(tests: readonly TestCase[]): LoadedConfig | undefined {
  const told = tests
    .map(test => notesOf(test.meta())?.config)
    .find(file => file !== undefined && existsSync(file))
  try {
    return loadConfig(told)
  } catch {
    return undefined
  }
}

interface Facts {
  started: Date
  partial: boolean
  config: LoadedConfig | undefined
}

/** The record of a run of tests: a case for every verdict. A test that failed without one is broken. */
function runOfTests(tests: readonly TestCase[], { started, partial, config }: Facts): RunRecord {
  const root = config?.root ?? process.cwd()
  const cases: JudgedRecord[] = []
  const broken: RunRecord['broken'] = []
  for (const test of tests) {
    const records = (notesOf(test.meta())?.records ?? []).map(record => withNumbers(record) as JudgedRecord)
    const place = placeOf(test, root)
    cases.push(...records.map(record => ({ ...record, test: place })))
    const error = unexplained(test, records)
    if (error !== undefined) broken.push({ model: place.name, error, test: place })
  }
  return {
    schemaVersion: runVersion,
    header: {
      id: newRunId(started),
      depthgate: version,
      ...(config && { config: basename(config.file) }),
      started: started.toISOString(),
      ended: new Date().toISOString(),
      partial,
      host: hostFacts(),
    },
    plan: cases.map(({ model, scene, precision, engine }) => ({ model, scene, precision, engine })),
    cases,
    quality: [],
    broken,
    remarks: [],
    obsolete: [],
  }
}

/** Why a test failed, where none of its verdicts says so and depthgate is concerned. */
function unexplained(test: TestCase, records: readonly JudgedRecord[]): string | undefined {
  const result = test.result()
  if (
    result.state !== 'failed' ||
    records.some(({ verdict, baseline }) => !verdict.pass || baseline.type === 'regressed')
  )
    return undefined
  const error = result.errors[0]
  if (records.length === 0 && error?.name !== new DepthgateError('', '').name) return undefined
  return plain(error?.message ?? 'the test failed')
}

/** The line of the assertion where the test failed, else of the test where Vitest knows it. */
function placeOf(test: TestCase, root: string): TestPlace {
  const file = test.module.moduleId
  const frames = (test.result().errors ?? []).flatMap(({ stacks }) => stacks ?? [])
  const line = frames.find(frame => frame.file === file)?.line ?? test.location?.line
  return {
    name: test.fullName,
    file: relative(root, file).replaceAll('\\', '/'),
    ...(line !== undefined && { line }),
  }
}
