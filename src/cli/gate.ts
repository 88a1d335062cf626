import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { type LoadedConfig, loadConfig } from '../gate/config.ts'
import { type CaseResult, type Filter, planGate, runGate } from '../gate/gate.ts'
import { writeEvidence } from '../report/evidence.ts'
import { gateSummary, gateTable } from '../report/gate-text.ts'
import { attributionText, fromHere, verdictText } from '../report/phrase.ts'
import { type Command, parse } from './command.ts'

/** Runs every engine on every scene and gives one verdict. */
export const gate: Command = {
  summary: 'run every model on every scene and compare with the PyTorch goldens',
  help: `depthgate gate [options]

  --model NAME, --scene NAME, --precision P, --engine NAME   only these; each may be given several times
  --attribute     run the corners of every case, not only of those that fail
  --config FILE   by default the depthgate.config.* of this folder or one above
  --json          print the verdicts as JSON

Exit code: 0 all pass, 1 a comparison failed, 2 the run itself is broken: bad config, damaged golden, no comparison.
Pictures of failures go to .depthgate/failures.
`,
  async run(args) {
    const { values, positionals } = parse('gate', args, {
      model: { type: 'string', multiple: true },
      scene: { type: 'string', multiple: true },
      precision: { type: 'string', multiple: true },
      engine: { type: 'string', multiple: true },
      attribute: { type: 'boolean', default: false },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
    })
    if (positionals.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate gate takes no ${JSON.stringify(positionals[0])}. To choose, use --model, --scene, --precision, --engine`,
      )
    const config = loadConfig(values.config)
    const filter: Filter = {
      ...(values.model && { models: values.model }),
      ...(values.scene && { scenes: values.scene }),
      ...(values.precision && { precisions: values.precision }),
      ...(values.engine && { engines: values.engine }),
    }
    return runAndTell(config, filter, values)
  },
}

async function runAndTell(
  config: LoadedConfig,
  filter: Filter,
  { json, attribute }: { json: boolean; attribute: boolean },
): Promise<number> {
  const start = performance.now()
  const say = json ? () => {} : (line: string) => console.log(line)
  const plan = planGate(config, filter)
  for (const remark of plan.remarks) console.error(`note: ${remark}`)

  const table = gateTable(plan.cases)
  const results: CaseResult[] = []
  const details: string[] = []
  /** Error → the cases that it broke: a model that cannot be loaded is told once, not once a scene. */
  const breaks = new Map<string, string[]>()
  const notes = new Set<string>()
  if (plan.cases.length > 0) say(table.head())
  for await (const { result, comparisons } of runGate(plan.cases, attribute)) {
    results.push(result)
    say(table.row(result))
    const { model, scene, precision, engine } = result.case
    if (result.type === 'broken')
      breaks.set(result.error, [
        ...(breaks.get(result.error) ?? []),
        `${model.name}/${scene} at ${precision} on ${engine}`,
      ])
    else if (!result.verdict.pass)
      details.push(
        verdictText(result.verdict, writeEvidence(config, model, { verdict: result.verdict, comparisons })),
      )
    else {
      for (const note of result.verdict.notes) notes.add(note)
      if (attribute)
        details.push(
          `${model.name}/${scene} at ${precision} on ${engine}\n${attributionText(result.verdict).join('\n')}`,
        )
    }
  }
  for (const { model, error } of plan.broken) breaks.set(error, [model])
  for (const [error, names] of breaks) details.push(`broken: ${names.join(', ')}\n${error}`)

  for (const text of details) say(`\n${fromHere(text)}`)
  if (notes.size > 0) say(`\n${[...notes].map(note => `note: ${note}`).join('\n')}`)
  const failed = results.some(result => result.type === 'judged' && !result.verdict.pass)
  const broken = plan.broken.length > 0 || results.some(result => result.type === 'broken')
  say(`\n${gateSummary(results, plan.broken.length, (performance.now() - start) / 1000)}`)
  if (json)
    console.log(
      honestJson({
        pass: !failed && !broken,
        cases: results.map(plain),
        broken: plan.broken,
        remarks: plan.remarks,
      }),
    )
  return broken ? 2 : failed ? 1 : 0
}

function plain(result: CaseResult) {
  const { model, scene, precision, engine } = result.case
  const name = { model: model.name, scene, precision, engine }
  return result.type === 'broken'
    ? { ...name, broken: result.error }
    : { ...name, milliseconds: result.milliseconds, verdict: result.verdict }
}
