import { DepthgateError } from '../base/errors.ts'
import { type LoadedConfig, loadConfig, nearestConfigs } from '../gate/config.ts'
import type { RunRecord } from '../gate/run-record.ts'
import { readRun } from '../gate/run-store.ts'
import { reportRequests, writeReports } from '../report/reports.ts'
import { type Command, parse } from './command.ts'
import { exitCodeOf } from './exit-code.ts'
import { configSources, runSource } from './sources.ts'
import { refuseReports, tellReports } from './tell-reports.ts'

/** Makes reports from a saved run. */
export const report: Command = {
  summary: 'make an HTML page, JUnit, JSON or Markdown from a saved run',
  help: `depthgate report RUN [options]

  RUN                      the folder of a saved run: .depthgate/runs/<id>, or what --save named
  --report FORMAT[=PATH]   html (by default), junit, json, markdown, github; may be given several times
  --config FILE            names the goldens, for pictures; by default the run's own, found by its name in this folder or one
                           above. Limits and ranges are those that the run was judged by

Nothing is run and nothing is judged again: for other limits, see depthgate judge.
Exit code: that of the run, 0, 1 or 2; 2 where a report cannot be written.

  depthgate report .depthgate/runs/20261124-214003-4f2a --report html=report.html --report junit=junit.xml
`,
  async run(args) {
    const { values, positionals } = parse('report', args, {
      report: { type: 'string', multiple: true },
      config: { type: 'string' },
    })
    const [path, ...rest] = positionals
    if (path === undefined || rest.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate report takes one saved run, got ${positionals.length}. See: depthgate report --help`,
      )
    const requests = reportRequests(values.report)
    const { run, folder } = readRun(path)
    const config = configOf(run, values.config)
    refuseReports(requests, [runSource({ run, folder }), ...(config ? configSources(config) : [])])
    const written = writeReports({ run, folder, ...(config && { config }) }, requests)
    tellReports(written, line => console.log(line))
    return written.problems.length > 0 ? 2 : exitCodeOf(run)
  },
}

/**
 * The config that a run was made with: the nearest of its name, from here upwards. Never from the run: a config is a program,
 * and a run may be downloaded. It can be reported where its project is not; then there are no pictures, and the report says so.
 */
function configOf(
  { header }: RunRecord,
  file: string | undefined = process.env.DEPTHGATE_CONFIG,
): LoadedConfig | undefined {
  if (file !== undefined) return loadConfig(file)
  const [found] = nearestConfigs(process.cwd(), header.config === undefined ? undefined : [header.config])
  try {
    return found === undefined ? undefined : loadConfig(found)
  } catch {
    return undefined
  }
}
