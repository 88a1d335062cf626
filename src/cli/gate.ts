import colors from 'picocolors'
import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { shellWord } from '../base/shell.ts'
import { settleBaseline } from '../gate/baseline-update.ts'
import { type LoadedConfig, loadConfig } from '../gate/config.ts'
import { finishRun } from '../gate/finish-run.ts'
import { isJudged, type JudgedRun, runGate } from '../gate/gate.ts'
import { nameOf, type Plan, planGate } from '../gate/plan.ts'
import { type CaseRecord, caseText, passes, type RunFilter } from '../gate/run-record.ts'
import { newRunId } from '../gate/run-store.ts'
import { picturesOf, writeEvidence } from '../report/evidence.ts'
import { gateTable } from '../report/gate-text.ts'
import { type Evidence, fromHere } from '../report/phrase.ts'
import { planText } from '../report/plan-text.ts'
import { progressLine } from '../report/progress.ts'
import { type ReportRequest, reportRequests, writeReports } from '../report/reports.ts'
import { runDetails, runEnd } from '../report/run-text.ts'
import { showBuilds } from './build-progress.ts'
import { type Command, countOf, noPositionals, parse } from './command.ts'
import { exitCodeOf } from './exit-code.ts'
import { stopOnSignal } from './interrupt.ts'
import { keepRun } from './keep-run.ts'
import { configSources } from './sources.ts'
import { refuseReports, tellReports } from './tell-reports.ts'

const options = {
  model: { type: 'string', multiple: true },
  scene: { type: 'string', multiple: true },
  precision: { type: 'string', multiple: true },
  engine: { type: 'string', multiple: true },
  grep: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  jobs: { type: 'string', default: '1' },
  attribute: { type: 'boolean', default: false },
  full: { type: 'boolean', default: false },
  save: { type: 'string' },
  replace: { type: 'boolean', default: false },
  'no-save': { type: 'boolean', default: false },
  report: { type: 'string', multiple: true },
  config: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse<typeof options>>['values']
/** With how many lanes, as a number. */
type Asked = Omit<Values, 'jobs'> & { jobs: number }

/** Runs every engine on every scene and gives one verdict. */
export const gate: Command = {
  summary: 'run every model on every scene and compare with the PyTorch goldens',
  help: `depthgate gate [options]

  --model NAME, --scene NAME, --precision P, --engine NAME   only these; each may be given several times
  --grep REGEX    only comparisons whose model/scene/precision/engine it matches
  --dry-run       print what would be compared, and stop
  --jobs N        lanes at once (1). The CPU is one lane, a GPU another; in a lane one thing runs at a time
  --attribute     run the corners of every case, not only of those that fail, and print them
  --full          print every failure in full; by default, where more than three cases fail, a line each and the worst of
                  each model and cause in full
  --save FOLDER   keep the run (run.json and the engines' maps) there, for judge, diff and reports;
                  by default the last three are kept in .depthgate/runs
  --replace       put the run in the place of one that --save's folder holds already
  --no-save       keep no run
  --report FORMAT[=PATH]   html (by default, to .depthgate/report/index.html), junit, json, markdown, github, none;
                  may be given several times
  --config FILE   by default the depthgate.config.* of this folder or one above
  --json          print the run as JSON (schema: depthgate/schema/run.schema.json)

Exit code: 0 all pass; 1 a comparison failed: its tolerance, its baseline, or the task quality that the config asks for;
2 the run itself is broken: bad config, damaged golden, no comparison; 130 stopped by Ctrl-C (143 by SIGTERM): what was run
is saved and reported as partial. Pictures of failures go to .depthgate/failures, what is made to .depthgate or to
DEPTHGATE_CACHE. Nothing under golden/ is written.

  depthgate gate --precision fp16 --grep 'kitchen|hallway'
  depthgate gate --save releases/1.4 && depthgate diff releases/1.3 releases/1.4
`,
  async run(args) {
    const { values, positionals } = parse('gate', args, options)
    noPositionals('gate', positionals, 'To choose, use --model, --scene, --precision, --engine, --grep')
    const jobs = countOf('--jobs', values.jobs)
    if (values.save !== undefined && values['no-save'])
      throw new DepthgateError(
        'usage',
        `--save ${values.save}: with --no-save nothing is kept. Leave one out`,
      )
    if (values.replace && values.save === undefined)
      throw new DepthgateError('usage', '--replace: goes with --save FOLDER. Name the run to replace')
    const requests = reportRequests(values.report)
    const config = loadConfig(values.config)
    refuseReports(requests, configSources(config))
    const filter = filterOf(values)
    const plan = planGate(config, filter)
    return values['dry-run']
      ? showPlan(plan, values.json)
      : runPlan(config, plan, filter, { ...values, jobs }, requests)
  },
}

function filterOf({ model, scene, precision, engine, grep }: Values): RunFilter | undefined {
  const filter: RunFilter = {
    ...(model && { models: model }),
    ...(scene && { scenes: scene }),
    ...(precision && { precisions: precision }),
    ...(engine && { engines: engine }),
    ...(grep !== undefined && { grep }),
  }
  return Object.keys(filter).length > 0 ? filter : undefined
}

/** What would run, without running it. A model that cannot be planned is told, and is the exit code. */
function showPlan(plan: Plan, json: boolean): number {
  const names = plan.cases.map(nameOf)
  if (json) console.log(honestJson({ plan: names, broken: plan.broken, remarks: plan.remarks }))
  else {
    console.log([...planText(names), '', ...names.map(name => `  ${caseText(name)}`)].join('\n'))
    for (const { model, error } of plan.broken) console.log(`\nbroken: ${model}\n${error}`)
  }
  return plan.broken.length > 0 ? 2 : 0
}

async function runPlan(
  config: LoadedConfig,
  plan: Plan,
  filter: RunFilter | undefined,
  values: Asked,
  requests: readonly ReportRequest[],
): Promise<number> {
  const started = new Date()
  const id = newRunId(started)
  const kept = keepRun(config, id, {
    save: values.save,
    replace: values.replace,
    none: values['no-save'],
  })
  const say = values.json ? () => {} : (text: string) => console.log(text)
  for (const remark of plan.remarks) console.error(`note: ${remark}`)
  say(planText(plan.cases.map(nameOf)).join('\n'))

  const { records, evidence, stopCode } = await runCases(config, plan, values, kept, say)
  const run = finishRun({ id, config, plan, filter, started, records, partial: stopCode !== undefined })
  const folder = kept.finish(run)
  const details = runDetails(run, {
    evidence,
    full: values.full || values.attribute,
    width: process.stdout.columns,
    more: allOf(folder, requests, values.config),
  })
  for (const text of details) say(`\n${text}`)
  say(`\n${runEnd(run).join('\n')}`)
  if (folder !== undefined) say(colors.dim(`saved: ${fromHere(folder)}`))
  const reports = writeReports({ run, folder: folder ?? config.root, config }, requests)
  tellReports(reports, values.json ? line => console.error(line) : line => console.log(line))
  if (values.json) console.log(honestJson({ pass: exitCodeOf(run) === 0, ...run }))
  const lost =
    (folder === undefined && values.save !== undefined) ||
    (reports.problems.length > 0 && values.report !== undefined)
  return stopCode ?? (lost ? 2 : exitCodeOf(run))
}

/** Where a person reads every failure in full. */
function allOf(
  folder: string | undefined,
  requests: readonly ReportRequest[],
  config: string | undefined,
): string {
  const page = requests.some(({ format }) => format === 'html')
  // no run is kept: the filter, and all that was asked for besides, would have to be given again
  if (folder === undefined) return `${page ? 'the page below, or ' : ''}this command with --full`
  const flags = config === undefined ? '' : ` --config ${shellWord(config)}`
  const command = `npx depthgate judge ${shellWord(fromHere(folder))}${flags} --full`
  return page ? `the page below, or\n  ${command}` : command
}

/** Runs the cases and prints a row for each. `stopCode` is set where a signal ended it before the plan was through. */
async function runCases(
  config: LoadedConfig,
  { cases }: Plan,
  values: Asked,
  kept: ReturnType<typeof keepRun>,
  say: (text: string) => void,
) {
  const names = cases.map(nameOf)
  const table = gateTable(names, process.stdout.columns)
  const progress = progressLine(process.stderr, names.map(caseText))
  const stop = stopOnSignal()
  const records: CaseRecord[] = []
  const evidence = new Map<CaseRecord, Record<string, Evidence>>()
  const problems: string[] = []
  if (names.length > 0) say(`\n${table.head()}`)
  showBuilds(progress.show)
  progress.show()
  for await (const run of runGate(config, cases, {
    attributeAll: values.attribute,
    jobs: values.jobs,
    signal: stop.signal,
  })) {
    if (isJudged(run)) {
      const left = leaveForReview(config, run)
      evidence.set(run.record, left.evidence)
      if (left.problem !== undefined) problems.push(left.problem)
      kept.add(run)
    }
    records.push(run.record)
    progress.count(caseText(run.record), passes(run.record))
    progress.hide()
    say(table.row(run.record))
    progress.show()
  }
  progress.hide()
  // one full disk is one problem, however many cases meet it
  if (problems[0] !== undefined) console.error(`note: ${problems[0]}`)
  return { records, evidence, stopCode: records.length < names.length ? stop.exitCode : undefined }
}

/** Pictures of a failure, and the entry for `depthgate review`; where they cannot be written the verdict stands. */
function leaveForReview(config: LoadedConfig, run: JudgedRun) {
  const { record, baseline, comparisons } = run
  const { model } = run.case
  const { verdict } = record
  const evidence = verdict.pass ? {} : writeEvidence(config, model, { verdict, comparisons })
  const pictures = picturesOf(config, evidence)
  if (Object.keys(pictures).length > 0) record.pictures = pictures
  const { problem } = settleBaseline(config, model, verdict, baseline, 'none', pictures)
  return { evidence, problem }
}
