import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { type LoadedConfig, loadConfig } from '../gate/config.ts'
import { type PendingEntry, pendingId, readPending, removePending } from '../gate/pending.ts'
import { acceptEntry, checkMayWrite, chooseEntries, type Decision, entriesOfRun } from '../gate/review.ts'
import { readRun } from '../gate/run-store.ts'
import { fail, fromHere, pass } from '../report/phrase.ts'
import { type Command, parse } from './command.ts'

const names = `NAME is MODEL, MODEL/SCENE or a whole name as \`depthgate pending\` prints it.`

/** Makes the figures of pending cases their baselines. */
export const accept: Command = {
  summary: 'make the figures of pending cases their baselines',
  help: `depthgate accept NAME… | --all [options]

${names}

  --all            everything that is pending and keeps its tolerance
  --reason TEXT    why; kept in the baseline with your git name and the date
  --run RUN        accept out of a saved run, such as one that CI made, instead of what is pending here
  --write-in-ci    write although CI is set
  --config FILE    by default the depthgate.config.* of this folder or one above
  --json           print what became of each as JSON

Accepting writes golden/<model>/baselines and nothing else. A case that breaks its tolerance is refused: neither a golden
nor a limit is moved. To move a limit, change the config; to move a golden, capture it again with PyTorch.

An entry of a model that the config does not have is left.

Exit code: 0 all accepted, 1 some were refused or left, 2 nothing was done.

  depthgate accept pocket/kitchen --reason 'new softmax kernel'
`,
  async run(args) {
    const { values, positionals } = parse('accept', args, {
      all: { type: 'boolean', default: false },
      reason: { type: 'string' },
      run: { type: 'string' },
      'write-in-ci': { type: 'boolean', default: false },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const config = loadConfig(values.config)
    const entries =
      values.run === undefined ? readPending(config.root) : entriesOfRun(config, readRun(values.run).run)
    const chosen = choose('accept', entries, positionals, values.all)
    checkMayWrite(values['write-in-ci'])
    const decisions = chosen.map(entry => acceptEntry(config, entry, values.reason))
    if (values.json) console.log(honestJson(decisions))
    else for (const decision of decisions) console.log(decisionText(decision))
    return decisions.some(({ type }) => type !== 'accepted') ? 1 : 0
  },
}

/** Forgets pending cases. */
export const reject: Command = {
  summary: 'forget pending cases; their baselines stay as they are',
  help: `depthgate reject NAME… | --all [options]

${names}

  --all            everything that is pending
  --config FILE    by default the depthgate.config.* of this folder or one above
  --json           print the names as JSON

What is rejected is gone from \`depthgate pending\`; a case that is still worse than its baseline fails again at the next run.

Exit code: 0 done, 2 nothing was done.

  depthgate reject pocket/kitchen
`,
  async run(args) {
    const { values, positionals } = parse('reject', args, {
      all: { type: 'boolean', default: false },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const config = loadConfig(values.config)
    const ids = choose('reject', readPending(config.root), positionals, values.all).map(pendingId)
    forget(config, ids)
    console.log(values.json ? honestJson(ids) : ids.map(id => `rejected ${id}`).join('\n'))
    return 0
  },
}

export function decisionText(decision: Decision): string {
  return decision.type === 'accepted'
    ? `${pass()} accepted ${decision.id} into ${fromHere(decision.file)}`
    : `${decision.type === 'left' ? '–' : fail()} ${decision.type} ${decision.id}: ${decision.reason}`
}

function forget({ root }: LoadedConfig, ids: readonly string[]): void {
  for (const id of ids) removePending(root, id)
}

function choose(
  verb: string,
  entries: readonly PendingEntry[],
  wanted: readonly string[],
  all: boolean,
): readonly PendingEntry[] {
  if (all === wanted.length > 0)
    throw new DepthgateError(
      'usage',
      `depthgate ${verb} takes names or --all, ${all ? 'not both' : 'and got neither'}. See: depthgate pending`,
    )
  if (entries.length === 0)
    throw new DepthgateError('pending', 'nothing is pending. Run the gate or the tests first')
  return all ? entries : chooseEntries(entries, wanted)
}
