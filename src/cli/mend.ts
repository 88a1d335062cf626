import { existsSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { shellWord } from '../base/shell.ts'
import type { Question } from '../explain/evaluator.ts'
import { type Foreign, modelOptArguments, trtexecArguments } from '../explain/foreign.ts'
import { guideOf } from '../explain/guide.ts'
import { type Mending, mend as mending } from '../explain/mend.ts'
import { mendOn } from '../explain/mend-on.ts'
import { chosenUnit, planOf } from '../explain/plan-of.ts'
import { staysOf } from '../explain/stays.ts'
import { type Variants, variantsOf } from '../explain/variants.ts'
import { recipeBelowPlan } from '../gate/chosen-recipe.ts'
import type { LoadedConfig } from '../gate/config.ts'
import { engineNamed } from '../gate/engines.ts'
import { type PrecisionPlan, planRecipe, readAnyPlan } from '../gate/precision-plan.ts'
import { writeModel } from '../onnx/write.ts'
import { bodiesText } from '../report/explain-text.ts'
import { frontierChart, mendText, tf32Hint } from '../report/mend-text.ts'
import { fromHere } from '../report/phrase.ts'
import { trialLine } from '../report/trial-line.ts'
import { showBuilds } from './build-progress.ts'
import { type Command, countOf, numberOf, parse } from './command.ts'
import { stopOnSignal, unlessStopped } from './interrupt.ts'
import { checkOutput } from './output.ts'
import { checkEngines, questionOf } from './question.ts'
import { configSources, modelSources } from './sources.ts'
import { unwrittenOf, unwrittenText } from './unwritten.ts'

const options = {
  precision: { type: 'string', default: 'fp16' },
  within: { type: 'string', multiple: true },
  margin: { type: 'string', default: '0.1' },
  scene: { type: 'string', multiple: true },
  engine: { type: 'string' },
  guide: { type: 'string' },
  trials: { type: 'string' },
  plan: { type: 'string' },
  out: { type: 'string', short: 'o' },
  frontier: { type: 'string' },
  trtexec: { type: 'boolean', default: false },
  modelopt: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  config: { type: 'string' },
} as const

/** Both ends, a cut into four, and three sets are the least that a search takes. */
const leastTrials = 10

type Values = ReturnType<typeof parse<typeof options>>['values']

/** Finds the least that must stay FP32. */
export const mend: Command = {
  summary: 'find the cheapest set of nodes to keep in FP32 that passes',
  help: `depthgate mend MODEL [options]

MODEL is a model of the config. Finds nodes to keep in FP32 such that every scene keeps every limit with a margin, at little
cost; where products may be summed in FP16, also products to sum in FP32; where a recipe of
int8 or fp8 has a rest in fp16 or bf16, also products to leave to that. Each node of the result was tried without. On the CPU
fp16 and bf16 are emulated. The cost is what bytes and operations come to on a nominal GPU; on TensorRT, what layers take.

  --precision P     fp16 (default), bf16, int8 or fp8
  --within LIMITS   over the config's tolerance: absRel=0.005,rmse=1%
  --margin SHARE    of every limit, left unused (0.1)
  --scene NAME      only these; may be given several times. By default all
  --engine NAME     on which the output is judged. On a TensorRT engine every trial is a build: there the search is guided, and
                    what is found is confirmed on TensorRT in at most 3 builds, besides those of the precision and of FP32
  --guide NAME      the engine of the config that guides; by default emulation on the CPU. The engine itself: without a guide
  --trials N        networks that the search may try, at most (160); 10 or more. With few the answer costs more
  --plan FILE       what was found, for recipes: { fp16: 'precision-plan.json' } in the config (the file that this
                    names there; else precision-plan.json beside it)
  -o, --out FILE    the ONNX in the format, with those nodes in FP32
  --frontier FILE   error against cost from all in the format to all in FP32: a picture (.svg), and beside it .json. On
                    TensorRT at 6 points, 4 of which are builds more
  --trtexec         print it as arguments of trtexec, up to TensorRT 10
  --modelopt        print it as arguments of ModelOpt's AutoCast
  --json            print everything as JSON
  --config FILE     by default the depthgate.config.* of this folder or one above

What was tried is kept in .depthgate/mend, or in mend of the config's cache or of DEPTHGATE_CACHE: after Ctrl-C or a crash
the same command goes on.
Exit code: 0 found, or nothing to do; 1 no set of nodes passes, or none was confirmed; 2 bad input; 130 stopped.

  depthgate mend midas --precision fp16 --within absRel=0.005 -o midas.mended.onnx
`,
  async run(args) {
    const { values, positionals } = parse('mend', args, options)
    const { question, config } = questionOf('mend', positionals, values)
    const margin = numberOf('--margin', values.margin)
    if (!(margin >= 0 && margin < 1))
      throw new DepthgateError('usage', `--margin ${values.margin}: give a share from 0 to below 1`)
    if (values.frontier !== undefined && !values.frontier.endsWith('.svg'))
      throw new DepthgateError('usage', `--frontier ${values.frontier}: is a picture; end its name in .svg`)
    const planFile = planFileOf(question, values.plan)
    refuseLoss(config, planFile, values)
    const { recipe, notes } = recipeBelowPlan(question.model, question.precision)
    refuseOtherPlan(question, planFile)
    for (const note of notes) console.error(`note: ${fromHere(note)}`)
    if ('calibrator' in recipe)
      throw new DepthgateError(
        'config',
        `${question.model.file}: recipes.${question.precision} has a \`calibrator\`, and a plan holds no function. Choose a method of calibration`,
      )
    const { model, precision } = question
    const variants = variantsOf(question, recipe)
    const stop = stopOnSignal('what was tried is kept: the same command goes on from there')
    const line = trialLine(process.stderr)
    showBuilds(line.again)
    const guide = guideOf(question, recipe, values.guide)
    const settings = {
      margin,
      onTrial: line.trial,
      onBuild: line.build,
      ...(values.trials !== undefined && { limit: countOf('--trials', values.trials, leastTrials) }),
      ...(values.frontier !== undefined && { frontier: guide ? 6 : 9 }),
    }
    if (guide && values.frontier !== undefined)
      console.error(
        `note: --frontier is measured on ${question.engine}: ${settings.frontier! - 2} builds more`,
      )
    const found = await unlessStopped(stop.signal, async () => {
      await checkEngines(question, values.guide)
      return guide ? mendOn(question, variants, guide, settings) : mending(question, variants, settings)
    }).finally(line.hide)
    if (!found) return stop.exitCode!
    const plan = found.type === 'mended' ? planOf(question, variants, found, margin) : undefined
    // units hold nodes of the graph, which are nothing to print
    const chosen = 'chosen' in found ? { chosen: found.chosen.map(chosenUnit) } : {}
    const unwritten =
      found.type === 'mended' ? undefined : unwrittenOf(found.type, { ...values, plan: planFile })
    if (values.json)
      console.log(honestJson({ ...found, ...chosen, ...(plan && { plan }), ...(unwritten && { unwritten }) }))
    else console.log(mendText(model.name, precision, margin, found).join('\n'))
    if (found.type === 'mended') await keep(question, variants, found, plan!, planFile, margin, values)
    if (unwritten) sayer(values)(`\n${unwrittenText(unwritten, existsSync(planFile)).join('\n')}`)
    // builds were spent on it, whatever came of the sets
    if (found.type === 'unconfirmed') keepFrontier(question, found, margin, values)
    if (found.type === 'passes' && values.out !== undefined)
      sayer(values)(
        `ONNX by the recipe as it is: depthgate convert --model ${model.name} --precision ${precision} -o ${shellWord(values.out)}`,
      )
    return found.type === 'hopeless' || found.type === 'unconfirmed' ? 1 : 0
  },
}

/** Writes what was asked for, and tells where it is. */
async function keep(
  question: Question,
  variants: Variants,
  found: Extract<Mending, { type: 'mended' }>,
  plan: PrecisionPlan,
  planFile: string,
  margin: number,
  values: Values,
): Promise<void> {
  const { model, onnx, precision } = question
  const say = sayer(values)
  const { recipe } = planRecipe(plan, onnx, planFile)
  // what cannot be made leaves the plan of an earlier search as it was
  if (values.out !== undefined) writeModel(values.out, await variants.make(recipe, 'native'), { from: onnx })
  writeWhole(planFile, `${honestJson(plan)}\n`)
  const told =
    planFile === namedPlan(question)
      ? ', as the config says'
      : `; in the config: recipes: { ${precision}: '${relative(model.root, planFile)}' }`
  say(`\nplan: ${fromHere(planFile)}${told}`)
  if (values.out !== undefined) say(`ONNX: ${fromHere(values.out)}`)
  for (const line of tf32Hint(engineNamed(model, question.engine).settings, found.mended)) say(line)
  keepFrontier(question, found, margin, values)
  if (!values.trtexec && !values.modelopt) return
  const { nodes, sizes } = staysOf(onnx, precision, recipe)
  if (values.trtexec) say(foreignText('trtexec', trtexecArguments({ ...plan, nodes })))
  if (values.modelopt)
    say(foreignText('ModelOpt', modelOptArguments({ ...plan, nodes: [...nodes, ...sizes] })))
  const flags = ['trtexec', 'modelopt'] as const
  const asked = flags.filter(flag => values[flag]).map(flag => `--${flag}`)
  for (const inside of bodiesText(found.inBodies))
    console.error(`note: ${inside}, which ${asked.join(' and ')} cannot tell by name`)
}

function keepFrontier(
  { engine }: Question,
  found: Parameters<typeof frontierChart>[0],
  margin: number,
  values: Values,
): void {
  if (values.frontier === undefined) return
  const { frontier: curve } = found
  const figures = found.type === 'mended' ? { curve, mended: found.mended } : { curve, best: found.best }
  writeWhole(values.frontier, frontierChart(found, margin, engine))
  writeWhole(figuresOf(values.frontier), `${honestJson(figures)}\n`)
  sayer(values)(`frontier: ${fromHere(values.frontier)}`)
}

/** With --json that stands alone on the standard output. */
function sayer({ json }: Values): (text: string) => void {
  return text => (json ? console.error(text) : console.log(text))
}

function foreignText(tool: string, { text, untold }: Foreign): string {
  const rest = untold.map(({ place, operator }) => `#${place} ${operator}`).join(', ')
  const lines = [
    ...(text === undefined ? [] : [`${tool}: ${text}`]),
    ...(rest === '' ? [] : [`${tool} cannot be told, for want of a name that it takes: ${rest}`]),
    ...(rest === '' ? [] : ['The ONNX that -o writes has them as the plan says']),
  ]
  return `\n${lines.join('\n')}`
}

function planFileOf(question: Question, path: string | undefined): string {
  return path === undefined
    ? (namedPlan(question) ?? join(question.model.root, 'precision-plan.json'))
    : resolve(path)
}

/** The plan that the config names for the precision. */
function namedPlan({ model: { config, root }, precision }: Question): string | undefined {
  const own = config.recipes?.[precision]
  return typeof own === 'string' ? resolve(root, own) : undefined
}

/** A plan of something else is not written over. */
function refuseOtherPlan({ model, precision }: Question, file: string): void {
  if (!existsSync(file)) return
  const old = planIn(file)
  if (old.model === model.name && old.precision === precision) return
  throw new DepthgateError(
    'usage',
    `${file}: is the ${old.precision} plan of ${old.model}. Name another with --plan`,
  )
}

function planIn(file: string): PrecisionPlan {
  try {
    return readAnyPlan(file)
  } catch (thrown) {
    if (!(thrown instanceof DepthgateError)) throw thrown
    throw new DepthgateError(
      thrown.code,
      `${thrown.message}\nIt is not written over: name another with --plan, or remove it`,
      { cause: thrown },
    )
  }
}

/** Hours of a search are not to end in the loss of what it was made from, or of one result under another. */
function refuseLoss(config: LoadedConfig, planFile: string, { plan, out, frontier }: Values): void {
  const files = {
    '--plan': plan ?? planFile,
    ...(out !== undefined && { '-o': out }),
    ...(frontier !== undefined && {
      '--frontier': frontier,
      'the figures of --frontier': figuresOf(frontier),
    }),
  }
  const taken = new Map<string, string>()
  for (const [flag, file] of Object.entries(files)) {
    checkOutput(flag === '--plan' ? modelSources(config) : configSources(config), flag, file)
    const other = taken.get(resolve(file))
    if (other !== undefined)
      throw new DepthgateError('usage', `${flag} ${file}: is that of ${other} too. Choose another name`)
    taken.set(resolve(file), flag)
  }
}

function figuresOf(frontier: string): string {
  return frontier.replace(/\.svg$/, '.json')
}
