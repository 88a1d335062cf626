import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { didYouMean } from '../base/names.ts'
import { type Precision, precisions } from '../engines/engine.ts'
import { chosenRecipe } from '../gate/chosen-recipe.ts'
import { findModel, loadConfig, type Model } from '../gate/config.ts'
import { makeReduced } from '../gate/make-variant.ts'
import { type QuantizedRecipe, type ReducedRecipe, rests, withRest } from '../gate/recipe.ts'
import { variantFor } from '../gate/variant.ts'
import { type ModelProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { readModel } from '../onnx/model.ts'
import { describeNode } from '../onnx/nodes.ts'
import { writeModel } from '../onnx/write.ts'
import { reduceIo } from '../precision/io.ts'
import { isQuantized } from '../precision/quantized-weight.ts'
import { roundedFormats } from '../precision/round.ts'
import { fromHere } from '../report/phrase.ts'
import { type Command, parse } from './command.ts'
import { doneText, listText } from './convert-text.ts'
import { checkOutput, type Source } from './output.ts'
import { anyConfig, configSources, onnxSource } from './sources.ts'

const options = {
  precision: { type: 'string', default: 'fp16' },
  out: { type: 'string', short: 'o' },
  model: { type: 'string' },
  config: { type: 'string' },
  rest: { type: 'string' },
  keep: { type: 'string', multiple: true, default: [] as string[] },
  accumulate: { type: 'string', default: 'engine' },
  'accumulate-fp32': { type: 'string', multiple: true, default: [] as string[] },
  'flush-tiny': { type: 'boolean', default: false },
  'reduce-io': { type: 'boolean', default: false },
  emulated: { type: 'boolean', default: false },
  'external-data': { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
} as const

type Values = ReturnType<typeof parse<typeof options>>['values']

/** Makes the file of a precision that the gate would make, for a build of one's own. */
export const convert: Command = {
  summary: 'make the fp16, bf16, int8 or fp8 ONNX of an FP32 ONNX',
  help: `depthgate convert MODEL.onnx --precision fp16|bf16 -o OUT.onnx [options]
depthgate convert --model NAME --precision fp16|bf16|int8|fp8 -o OUT.onnx   by the recipe of the config

  -o, --out FILE          the new ONNX; where it would pass 2 GiB its weights go to FILE.HASH.data
                          beside it; the two belong together
  --keep PATTERN          nodes that stay FP32; may be given several times: a node's name, a tensor that it writes, a
                          weight that it reads, an operator (Softmax), a place (#12), or a regular expression over
                          names of nodes and weights (/^head/)
  --rest fp32|fp16|bf16   of int8 and fp8: what is not quantised, in the place of what the recipe says
  --accumulate fp32       Casts around MatMul, Gemm, Conv and ConvTranspose, so that they are summed in FP32
  --accumulate-fp32 NODE  the same around these alone; patterns as for --keep
  --flush-tiny            weights under half of fp16's smallest become zero instead of the smallest
  --reduce-io             inputs and outputs of the graph become fp16 or bf16 too; by default they stay float32
  --emulated              FP32 kernels with every tensor rounded, as the CPU runs it, instead of the format itself
  --external-data         weights in FILE.HASH.data whatever their size
  --list                  print every node with its place and stop
  --json                  print what was done as JSON

What is made is strongly typed: TensorRT builds it as it stands, from version 10 with a strongly typed network, on 11 as
the only way. The same options stand in the config under recipes; the gate then makes the same file by itself.

Exit code: 0 done, 2 nothing was written.

  depthgate convert --model pocket --precision int8 -o pocket.int8.onnx   (int8 and fp8 are calibrated on its scenes)
  depthgate convert --model pocket --precision int8 --rest fp16 -o pocket.int8.onnx   (as INT8 engines run)
  depthgate convert depth.onnx --precision fp16 --keep LayerNormalization --keep '/^head/' -o depth.fp16.onnx
`,
  async run(args) {
    const { values, positionals } = parse('convert', args, options)
    if (values.model !== undefined) return convertModel(values, positionals)
    const [source, ...rest] = positionals
    if (source === undefined || rest.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate convert takes one MODEL.onnx, or --model NAME, got ${positionals.length} files. See: depthgate convert --help`,
      )
    if (values.list) {
      console.log(listText(source))
      return 0
    }
    return convertFile(values, source)
  },
}

/** The file that the gate makes for a model of the config. */
async function convertModel(values: Values, positionals: readonly string[]): Promise<number> {
  const own = values.keep.length + values['accumulate-fp32'].length > 0 || values.accumulate !== 'engine'
  if (positionals.length > 0 || own || values['flush-tiny'] || values['reduce-io'])
    throw new DepthgateError(
      'usage',
      '--model takes the recipe of the config: give no file, --keep, --accumulate, --flush-tiny or --reduce-io beside it',
    )
  const precision = precisions.find(known => known === values.precision)
  if (!precision || precision === 'fp32' || precision === 'tf32')
    throw new DepthgateError(
      'usage',
      `--precision ${values.precision}: cannot be made${didYouMean(values.precision, [...roundedFormats, 'int8', 'fp8'])}`,
    )
  const config = loadConfig(values.config)
  const model = findModel(config, values.model!)
  const out = outOf(values, configSources(config))
  const { onnx, notes } = await variantFor(
    model,
    precision,
    values.emulated ? 'cpu' : 'cuda',
    restOf(values, model, precision),
  )
  const files = writeModel(out, readModel(onnx), { from: onnx, external: values['external-data'] || 'auto' })
  const bytes = sizeOf(files)
  console.log(
    values.json
      ? honestJson({ out, files, bytes, notes })
      : [`${fromHere(resolve(out))}: ${(bytes / 1e6).toFixed(1)} MB`, ...notes].join('\n'),
  )
  return 0
}

/** The config's recipe, with another rest where one is asked for. */
function restOf(
  { rest: asked }: Values,
  model: Model,
  precision: Exclude<Precision, 'fp32' | 'tf32'>,
): { recipe?: QuantizedRecipe } {
  if (asked === undefined) return {}
  const rest = rests.find(known => known === asked)
  if (!rest) throw new DepthgateError('usage', `--rest ${asked}: is unknown${didYouMean(asked, rests)}`)
  if (precision === 'fp16' || precision === 'bf16')
    throw new DepthgateError(
      'usage',
      `--rest ${asked}: belongs to int8 and fp8; in ${precision} nothing is left over`,
    )
  return { recipe: withRest(chosenRecipe(model, precision).recipe, rest) }
}

async function convertFile(values: Values, source: string): Promise<number> {
  if (values.rest !== undefined)
    throw new DepthgateError('usage', '--rest: belongs to int8 and fp8, which take --model NAME')
  const format = roundedFormats.find(known => known === values.precision)
  if (!format)
    throw new DepthgateError(
      'usage',
      isQuantized(values.precision)
        ? `--precision ${values.precision}: is calibrated on scenes. Name a model of the config that has goldens: --model NAME`
        : `--precision ${values.precision}: cannot be made here${didYouMean(values.precision, roundedFormats)}`,
    )
  const out = outOf(values, [onnxSource(source), anyConfig])
  if (values['reduce-io'] && values.emulated)
    throw new DepthgateError('usage', '--reduce-io: an emulated model has float32 inputs and outputs')
  const arithmetic = values.emulated ? 'emulated' : 'native'
  const { model, facts, converted } = await makeReduced(source, format, arithmetic, recipeOf(values))
  const ports = values['reduce-io'] ? reduceIo(model) : []
  const stay = values['reduce-io'] ? floatPorts(model) : []
  const files = writeModel(out, model, { from: source, external: values['external-data'] || 'auto' })
  const done = {
    out,
    files,
    bytes: sizeOf(files),
    reduced: converted.reduced.size,
    casts: converted.casts,
    kept: converted.kept.map(({ node, reason }) => ({ node: describeNode(node), reason })),
    ports,
    stay,
    ...facts,
  }
  console.log(values.json ? honestJson(done) : doneText(done, format))
  return 0
}

function outOf({ out }: Values, sources: readonly Source[]): string {
  if (out === undefined) throw new DepthgateError('usage', 'depthgate convert needs -o OUT.onnx')
  checkOutput(sources, '-o', out)
  return out
}

function recipeOf(values: Values): ReducedRecipe {
  const listed = values['accumulate-fp32']
  const sums = ['engine', 'fp32', 'fp16'] as const
  const accumulate = sums.find(known => known === values.accumulate)
  if (!accumulate)
    throw new DepthgateError(
      'usage',
      `--accumulate ${values.accumulate}: is unknown${didYouMean(values.accumulate, sums)}`,
    )
  if (accumulate === 'fp16' && listed.length > 0)
    throw new DepthgateError('usage', '--accumulate fp16 and --accumulate-fp32 exclude each other')
  if (accumulate === 'fp16' && !values.emulated)
    throw new DepthgateError('usage', '--accumulate fp16: only an emulation can choose that. Add --emulated')
  return {
    keep: values.keep,
    accumulate: listed.length > 0 ? { fp32: listed } : accumulate,
    flushTiny: values['flush-tiny'],
  }
}

function sizeOf(files: readonly string[]): number {
  return files.reduce((sum, file) => sum + statSync(file).size, 0)
}

function floatPorts({ graph }: ModelProto): string[] {
  return [...graph!.input, ...graph!.output].flatMap(({ name, type }) =>
    type?.value.case === 'tensorType' && type.value.value.elemType === TensorProto_DataType.FLOAT
      ? [name]
      : [],
  )
}
