import { honestJson } from '../base/json.ts'
import { loadConfig } from '../gate/config.ts'
import { pendingId, readPending } from '../gate/pending.ts'
import { pendingTable } from '../report/review-text.ts'
import { type Command, noPositionals, parse } from './command.ts'

/** Lists what waits for a person. */
export const pending: Command = {
  summary: 'list the cases that wait to be accepted or rejected',
  help: `depthgate pending [options]

A case waits where it has no baseline yet, is better or worse than it by more than the margin, or breaks its tolerance.
The gate and the matcher leave it in .depthgate/pending.

  --config FILE   by default the depthgate.config.* of this folder or one above
  --json          print the entries as JSON

Exit code: 0, whether something waits or not; 2 an entry cannot be read.

  depthgate pending --json | jq -r '.[].id'
`,
  async run(args) {
    const { values, positionals } = parse('pending', args, {
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    noPositionals('pending', positionals, 'To act on entries, use accept and reject')
    const entries = readPending(loadConfig(values.config).root)
    if (values.json) console.log(honestJson(entries.map(entry => ({ id: pendingId(entry), ...entry }))))
    else console.log(entries.length > 0 ? pendingTable(entries).join('\n') : 'nothing is pending')
    return 0
  },
}
