import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { explain as explanation } from '../explain/explain.ts'
import { explainOn } from '../explain/explain-on.ts'
import { guideOf } from '../explain/guide.ts'
import { variantsOf } from '../explain/variants.ts'
import { chosenRecipe } from '../gate/chosen-recipe.ts'
import { explainHtml } from '../report/explain/explain-html.ts'
import { explainText } from '../report/explain-text.ts'
import { fromHere } from '../report/phrase.ts'
import { trialLine } from '../report/trial-line.ts'
import { showBuilds } from './build-progress.ts'
import { type Command, countOf, parse, patternOf } from './command.ts'
import { stopOnSignal, unlessStopped } from './interrupt.ts'
import { checkOutput } from './output.ts'
import { checkEngines, questionOf } from './question.ts'
import { configSources } from './sources.ts'

/** Says where a precision loses. */
export const explain: Command = {
  summary: 'say which nodes make a precision lose, and by how much',
  help: `depthgate explain MODEL [options]

MODEL is a model of the config. Every tensor is held against FP32's: the node alone in the format (local), and the network
as a whole up to it (accumulated). Then nodes are put into the format alone, and taken out of it alone, and the output is
judged: what that uses of the limits is what the node costs.

  --precision P     fp16 (default), bf16, int8 or fp8
  --scene NAME      only these; may be given several times
  --engine NAME     on which the output is judged; tensors are looked at on the CPU, where the format is emulated. On a TensorRT
                    engine every trial is a build: what nodes cost is measured on a guide, and TensorRT builds three networks
                    that tell what is lost there, which layer each node went into, what that takes, and each tensor's error
  --guide NAME      the engine of the config that guides; by default emulation on the CPU. The engine itself: without a guide
  --nodes REGEX     only nodes whose PyTorch module, or name, matches: for networks whose tensors would take hours
  --within LIMITS   over the config's tolerance: absRel=0.005,rmse=1%
  --trials N        how many runs the search for costly nodes may take, about (48)
  --top N           nodes that are listed (15)
  --html FILE       everything as one page
  --json            everything as JSON
  --config FILE     by default the depthgate.config.* of this folder or one above

What was tried is kept in .depthgate/mend, or in mend of the config's cache or of DEPTHGATE_CACHE, so the same question
goes on where it was stopped.
Exit code: 0 told, 2 bad input, 130 stopped.

  depthgate explain midas --precision fp16 --scene kitchen --html explain.html
`,
  async run(args) {
    const { values, positionals } = parse('explain', args, {
      precision: { type: 'string', default: 'fp16' },
      scene: { type: 'string', multiple: true },
      engine: { type: 'string' },
      guide: { type: 'string' },
      nodes: { type: 'string' },
      within: { type: 'string', multiple: true },
      trials: { type: 'string', default: '48' },
      top: { type: 'string', default: '15' },
      html: { type: 'string' },
      json: { type: 'boolean', default: false },
      config: { type: 'string' },
    })
    const { question, config } = questionOf('explain', positionals, values)
    const [budget, top] = [countOf('--trials', values.trials), countOf('--top', values.top)]
    const nodes = values.nodes === undefined ? undefined : patternOf('--nodes', values.nodes)
    if (values.html !== undefined) checkOutput(configSources(config), '--html', values.html)
    const { recipe, notes } = chosenRecipe(question.model, question.precision)
    for (const note of notes) console.error(`note: ${note}`)
    const stop = stopOnSignal('what was tried is kept: the same command goes on from there')
    const line = trialLine(process.stderr)
    showBuilds(line.again)
    const guide = guideOf(question, recipe, values.guide)
    const variants = variantsOf(question, recipe)
    const found = await unlessStopped(stop.signal, async () => {
      await checkEngines(question, values.guide)
      const guided = await explanation(guide?.question ?? question, guide?.variants ?? variants, {
        trials: budget,
        onTrial: line.trial,
        onTensors: line.tensors,
        ...(nodes && { nodes }),
      })
      line.hide()
      return guide ? explainOn(question, variants, guided) : guided
    }).finally(line.hide)
    if (!found) return stop.exitCode!
    if (values.html !== undefined) writeWhole(values.html, explainHtml(found))
    console.log(values.json ? honestJson(found) : explainText(found, top).join('\n'))
    if (values.html !== undefined && !values.json) console.log(`\npage: ${fromHere(values.html)}`)
    return 0
  },
}
