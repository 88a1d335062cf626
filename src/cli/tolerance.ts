import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { didYouMean } from '../base/names.ts'
import { loadConfig } from '../gate/config.ts'
import { nameOf, planGate } from '../gate/plan.ts'
import { caseText, type RunFilter } from '../gate/run-record.ts'
import { sampleRuns, suggest } from '../gate/suggest.ts'
import { suggestionText } from '../report/suggest-text.ts'
import { showBuilds } from './build-progress.ts'
import { type Command, countOf, parse } from './command.ts'

const subverbs = ['suggest']

/** Measures the noise floor and proposes limits. */
export const tolerance: Command = {
  summary: 'suggest limits: measure what reruns vary by, and say why each limit',
  help: `depthgate tolerance suggest [options]

Runs every case several times, each time on engines loaded anew, and proposes a limit for every metric that has one, with
the reason beside it. It writes nothing: a limit is a decision, and goes into the config by hand.

  --model NAME, --scene NAME, --precision P, --engine NAME   only these; each may be given several times
  --reruns N      runs of each case (3)
  --config FILE   by default the depthgate.config.* of this folder or one above
  --json          print the proposals as JSON

A metric whose limit breaks today is marked: a wider limit is the last thing to try. Exit code: 0 proposed, 2 could not be
measured.

  depthgate tolerance suggest --model midas --precision fp16 --reruns 5
`,
  async run(args) {
    const { values, positionals } = parse('tolerance', args, {
      model: { type: 'string', multiple: true },
      scene: { type: 'string', multiple: true },
      precision: { type: 'string', multiple: true },
      engine: { type: 'string', multiple: true },
      reruns: { type: 'string', default: '3' },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    const [verb, ...more] = positionals
    if (verb !== 'suggest' || more.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate tolerance ${positionals.join(' ')}: is unknown${didYouMean(positionals.join(' '), subverbs)} See: depthgate tolerance --help`,
      )
    const runs = countOf('--reruns', values.reruns)
    const filter: RunFilter = {
      ...(values.model && { models: values.model }),
      ...(values.scene && { scenes: values.scene }),
      ...(values.precision && { precisions: values.precision }),
      ...(values.engine && { engines: values.engine }),
    }
    const plan = planGate(loadConfig(values.config), filter)
    if (plan.broken[0]) throw new DepthgateError('gate', plan.broken[0].error)
    showBuilds()
    const { samples, unmeasured } = await sampleRuns(plan.cases, runs)
    const suggestions = suggest(samples)
    if (values.json)
      console.log(
        honestJson({
          suggestions,
          unmeasured: unmeasured.map(({ case: item, reason }) => ({ ...nameOf(item), reason })),
        }),
      )
    else console.log(suggestionText(suggestions, runs).join('\n'))
    for (const { case: item, reason } of unmeasured)
      console.error(`not measured: ${caseText(nameOf(item))}: ${reason}`)
    return suggestions.length === 0 ? 2 : 0
  },
}
