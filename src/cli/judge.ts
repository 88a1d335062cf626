import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { loadConfig } from '../gate/config.ts'
import { rejudge } from '../gate/rejudge.ts'
import { readRun } from '../gate/run-store.ts'
import { gateTable } from '../report/gate-text.ts'
import { runDetails, runEnd } from '../report/run-text.ts'
import { type Command, parse } from './command.ts'
import { exitCodeOf } from './exit-code.ts'

/** Judges a saved run again, without inference. */
export const judge: Command = {
  summary: 'judge a saved run again, with other limits and without inference',
  help: `depthgate judge RUN [options]

RUN is a folder that \`depthgate gate\` saved: .depthgate/runs/<id>, or what --save named.

  --config FILE   whose limits, ranges, baselines and ground truth hold; by default the depthgate.config.* of this folder
                  or one above
  --full          print every failure in full, where more than three cases fail
  --json          print the run as JSON (schema: depthgate/schema/run.schema.json)

Exit code: as the gate's. Nothing is written. The goldens are those on disk now.

  depthgate judge releases/1.4 --config tighter.config.ts
`,
  async run(args) {
    const { values, positionals } = parse('judge', args, {
      config: { type: 'string' },
      full: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate judge takes one run, got ${positionals.length}. See: depthgate judge --help`,
      )
    const config = loadConfig(values.config)
    const run = rejudge(config, readRun(path))
    if (values.json) console.log(honestJson({ pass: exitCodeOf(run) === 0, ...run }))
    else {
      const width = process.stdout.columns
      const table = gateTable(run.plan, width)
      console.log([table.head(), ...run.cases.map(table.row)].join('\n'))
      for (const text of runDetails(run, { full: values.full, width, more: 'add --full' }))
        console.log(`\n${text}`)
      console.log(`\n${runEnd(run).join('\n')}`)
    }
    return exitCodeOf(run)
  },
}
