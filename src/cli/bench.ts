import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { checkChoice, chosenNames } from '../base/options.ts'
import { defaultPython } from '../base/python.ts'
import { type Precision, precisions } from '../engines/engine.ts'
import { releaseEngines } from '../engines/pool.ts'
import { pytorchPrecisions } from '../engines/pytorch/session.ts'
import { transfers } from '../engines/timing.ts'
import { type BenchOptions, type BenchRow, benchCase, benchPytorch, refuseIdleBudget } from '../gate/bench.ts'
import { enginesOf, findModel, loadConfig, type Model, precisionsOf, sceneNames } from '../gate/config.ts'
import { type BenchGroup, groupRows, withBudgets } from '../gate/recommend.ts'
import { pytorchSettings } from '../gate/time.ts'
import { benchMarkdown, benchText } from '../report/bench.ts'
import { fromHere } from '../report/phrase.ts'
import { showBuilds } from './build-progress.ts'
import { type Command, countOf, numberOf, parse } from './command.ts'
import { checkOutput, given } from './output.ts'
import { configSources } from './sources.ts'

/** Times every engine at every precision beside its error. */
export const bench: Command = {
  summary: 'time every engine and precision beside its error, and recommend one',
  help: `depthgate bench [options]

  --model NAME, --engine NAME, --precision P, --scene NAME   only these; each may be given several times
  --seconds S          of inferences that count, by default 3; at least ten are made
  --iterations N       that many instead
  --warmup S           by default 1
  --transfers WHICH    none (the default), in, out or both: copies between host and GPU that count
  --rebuilds N         build each plan N times more and tell how time and error spread
  --pytorch FILE.py:FACTORY   time the PyTorch network as well, in FP32, which speed-ups are over, and at the chosen ones
                       of ${pytorchPrecisions.join(', ')}
  --compile            and once more through torch.compile
  --python PROGRAM     that has torch (DEPTHGATE_PYTHON, else python3)
  --recommend          print the fastest that passes, and why the faster ones fail
  --config FILE        by default the depthgate.config.* of this folder or one above
  --json               print the figures as JSON
  --markdown FILE      write the table there

A budget that the config sets is held: kept, broken, or not judged where a figure is missing or cannot be believed.

Exit code: 0 measured; 1 a budget is broken, or with --recommend nothing passes; 2 nothing could be measured, or a budget
could not be judged.

  depthgate bench --model midas --recommend
  depthgate bench --precision fp16 --seconds 10 --markdown speed.md
`,
  async run(args) {
    const { values, positionals } = parse('bench', args, {
      model: { type: 'string', multiple: true },
      engine: { type: 'string', multiple: true },
      precision: { type: 'string', multiple: true },
      scene: { type: 'string', multiple: true },
      seconds: { type: 'string', default: '3' },
      iterations: { type: 'string' },
      warmup: { type: 'string', default: '1' },
      transfers: { type: 'string', default: 'none' },
      rebuilds: { type: 'string', default: '0' },
      pytorch: { type: 'string' },
      compile: { type: 'boolean', default: false },
      python: { type: 'string', default: defaultPython() },
      recommend: { type: 'boolean', default: false },
      config: { type: 'string' },
      json: { type: 'boolean', default: false },
      markdown: { type: 'string' },
    })
    if (positionals.length > 0)
      throw new DepthgateError('usage', `depthgate bench takes no ${JSON.stringify(positionals[0])}`)
    checkChoice(values.transfers, transfers, '--transfers')
    for (const precision of values.precision ?? []) checkChoice(precision, precisions, '--precision')
    const config = loadConfig(values.config)
    if (values.markdown !== undefined)
      checkOutput(
        [given('is the PyTorch network', values.pytorch?.replace(/:\w+$/, '')), ...configSources(config)],
        '--markdown',
        values.markdown,
      )
    const names = chosenNames(Object.keys(config.config.models), values.model, '--model', 'bench')
    const timing = {
      seconds: numberOf('--seconds', values.seconds),
      warmup: numberOf('--warmup', values.warmup),
      transfers: values.transfers as BenchOptions['timing']['transfers'],
      ...(values.iterations !== undefined && { iterations: countOf('--iterations', values.iterations) }),
    }
    for (const name of names) refuseIdleBudget(findModel(config, name))
    const rebuilds = numberOf('--rebuilds', values.rebuilds)
    showBuilds()

    const all: BenchRow[] = []
    for (const name of names) {
      const model = findModel(config, name)
      const rows: BenchRow[] = []
      const done = (row: BenchRow) => {
        rows.push(row)
        console.error(fromHere(rowText(row)))
      }
      const options = {
        scenes: chosenNames(sceneNames(model), values.scene, '--scene', 'bench'),
        timing,
        rebuilds,
      }
      if (values.pytorch !== undefined)
        for (const row of pytorchRows(model, values, options)) done(await row())
      for (const engine of chosenNames(enginesOf(model), values.engine, '--engine', 'bench'))
        for (const precision of precisionsOf(model, engine))
          if (values.precision?.includes(precision) ?? true)
            done(await benchCase(model, engine, precision, options))
      all.push(...withBudgets(rows, model.config.budget))
    }
    await releaseEngines()

    const groups = groupRows(all)
    const { recommend } = values
    if (values.markdown !== undefined)
      writeWhole(
        resolve(values.markdown),
        `${groups.map(group => benchMarkdown(group, recommend)).join('\n\n')}\n`,
      )
    console.log(
      values.json
        ? honestJson({ groups })
        : fromHere(groups.map(group => benchText(group, recommend)).join('\n\n')),
    )
    return exitCodeOf(groups, recommend)
  },
}

function exitCodeOf(groups: readonly BenchGroup[], recommend: boolean): number {
  const rows = groups.flatMap(group => group.rows)
  const budgets = rows.map(({ budget }) => budget?.outcome)
  if (!rows.some(({ type }) => type === 'measured')) return 2
  if (budgets.includes('broken')) return 1
  if (recommend && groups.some(({ recommended }) => recommended === undefined)) return 1
  return budgets.includes('not judged') ? 2 : 0
}

function pytorchRows(
  model: Model,
  {
    pytorch = '',
    python,
    compile,
    precision,
  }: { pytorch?: string; python: string; compile: boolean; precision?: string[] },
  options: BenchOptions,
): (() => Promise<BenchRow>)[] {
  const settings = pytorchSettings(model, pytorch, '--pytorch', { python, folder: process.cwd() })
  const wanted = pytorchPrecisions.filter((each: Precision) => precision?.includes(each) ?? true)
  const rows = (compile ? [false, true] : [false]).flatMap(compile =>
    wanted.map(each => () => benchPytorch(model, { ...settings, compile }, each, options)),
  )
  // what speed-ups are over is measured whatever --precision says
  if (!wanted.includes('fp32')) rows.unshift(() => benchPytorch(model, settings, 'fp32', options))
  return rows
}

function rowText(row: BenchRow): string {
  const name = `${row.model} ${row.precision} on ${row.engine}`
  switch (row.type) {
    case 'measured':
      return `${name}: ${row.plain.median.toFixed(3)} ms`
    case 'broken':
      return `${name}: ${row.error}`
    case 'skipped':
      return `${name}: skipped: ${row.reason}`
  }
}
