import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { diffRuns, isEmpty } from '../gate/diff.ts'
import { defaultMargins } from '../gate/loss.ts'
import { readRun } from '../gate/run-store.ts'
import { diffText } from '../report/diff-text.ts'
import { type Command, numberOf, parse } from './command.ts'

/** Says what changed between two saved runs. */
export const diff: Command = {
  summary: 'say what changed between two saved runs',
  help: `depthgate diff RUN_A RUN_B [options]

Verdicts that changed; metrics that moved beyond noise; fingerprints (ONNX, engine, version, device), limits and tiers of
task quality that differ; cases that are new or gone. RUN is a folder that \`depthgate gate\` saved, or its run.json.

  --margin SHARE   a metric moved where its distance from perfect changed by more than this share of it
                   (${defaultMargins.relative}), and by more than ${defaultMargins.ofLimit * 100} % of its limit (${defaultMargins.rebuilt * 100} %
                   where TensorRT built the engine)
  --json           print everything as JSON

Exit code, as of diff: 0 nothing changed, 1 something did, 2 a run cannot be read.

  depthgate diff releases/1.3 releases/1.4
`,
  async run(args) {
    const { values, positionals } = parse('diff', args, {
      margin: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const [before, after, ...more] = positionals
    if (before === undefined || after === undefined || more.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate diff takes two runs, got ${positionals.length}. See: depthgate diff --help`,
      )
    const relative =
      values.margin === undefined ? defaultMargins.relative : numberOf('--margin', values.margin)
    const [a, b] = [readRun(before).run, readRun(after).run]
    for (const [path, { header }] of [
      [before, a],
      [after, b],
    ] as const)
      if (header.partial)
        console.error(
          `note: ${path} is a partial run: what it did not reach looks ${path === before ? 'new' : 'gone'}`,
        )
    const found = diffRuns(a, b, { ...defaultMargins, relative })
    console.log(values.json ? honestJson(found) : diffText(found).join('\n'))
    return isEmpty(found) ? 0 : 1
  },
}
