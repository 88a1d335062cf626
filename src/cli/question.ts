import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { checkChoice } from '../base/options.ts'
import { availability } from '../engines/availability.ts'
import { usesOnnx } from '../engines/command/placeholders.ts'
import type { EngineSettings } from '../engines/settings.ts'
import type { Question } from '../explain/evaluator.ts'
import type { MadeFormat } from '../explain/variants.ts'
import {
  findModel,
  type LoadedConfig,
  loadConfig,
  type Model,
  onnxByPrecision,
  sceneNames,
} from '../gate/config.ts'
import { engineNamed } from '../gate/engines.ts'
import { appliesTo, type LimitName, limitNames, type Tolerance } from '../gate/tolerance.ts'
import { quantizedFormats } from '../precision/quantized-weight.ts'
import { roundedFormats } from '../precision/round.ts'
import { toleranceOf } from './command.ts'

interface Asked {
  precision: string
  scene?: string[]
  engine?: string
  guide?: string
  within?: string[]
  config?: string
}

/** What `explain` and `mend` ask, and of which config: a model at a precision that depthgate makes, on some of its scenes. */
export function questionOf(
  verb: string,
  positionals: readonly string[],
  asked: Asked,
): { question: Question; config: LoadedConfig } {
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0)
    throw new DepthgateError(
      'usage',
      `depthgate ${verb} takes one model of the config, got ${positionals.length}. See: depthgate ${verb} --help`,
    )
  const precision = formatOf(asked.precision)
  const config = loadConfig(asked.config)
  const model = findModel(config, name)
  const own = onnxByPrecision(model.config)
  if (own[precision] !== undefined)
    throw new DepthgateError(
      'config',
      `${model.file}: model ${name} brings its own ${precision} ONNX, and ${verb} works on what depthgate makes of the FP32 one. Leave \`${precision}\` out of \`onnx\``,
    )
  if (own.fp32 === undefined)
    throw new DepthgateError(
      'config',
      `${model.file}: model ${name} names no FP32 ONNX to start from. Name the export: \`onnx: { fp32: '…' }\``,
    )
  const onnx = resolve(model.root, own.fp32)
  if (!existsSync(onnx))
    throw new DepthgateError(
      'onnx',
      `${onnx}: there is no such file. Export the model, or correct \`onnx\` in the config`,
    )
  const engine = engineNamed(model, asked.engine)
  refuseOwnNetwork('--engine', engine, verb)
  if (asked.guide !== undefined) checkGuide(engineNamed(model, asked.guide), engine, verb)
  const known = sceneNames(model)
  const scenes = [...new Set(asked.scene ?? known)].sort()
  for (const scene of scenes) checkChoice(scene, known, `--scene of ${name}`)
  const question: Question = {
    ...{ model, onnx, precision, scenes, engine: engine.name },
    ...(asked.within && { tolerance: limitsOf(model, asked.within) }),
  }
  return { question, config }
}

/** Limits over the config's. One that no judged output has would hold nothing. */
function limitsOf({ name, judged }: Model, within: readonly string[]): Tolerance {
  const tolerance = toleranceOf(within, '--within')
  const kinds = Object.values(judged).map(({ kind }) => kind)
  const held = limitNames.filter(limit => kinds.some(kind => appliesTo(limit, kind)))
  const idle = Object.keys(tolerance).find(limit => !held.includes(limit as LimitName))
  if (idle === undefined) return tolerance
  throw new DepthgateError(
    'usage',
    `--within ${idle}: no judged output of ${name} has that limit. There are: ${held.join(', ')}`,
  )
}

/** Throws where an engine of a question cannot work on this machine: told before hours go into what guides it. */
export async function checkEngines({ model, engine }: Question, guide = engine): Promise<void> {
  for (const name of new Set([engine, guide])) {
    const found = await availability(engineNamed(model, name).settings)
    if (found.type === 'missing')
      throw new DepthgateError('engine-missing', `engine ${name}: ${found.reason}. ${found.fix}`)
  }
}

interface Named {
  name: string
  settings: EngineSettings
}

function refuseOwnNetwork(flag: string, { name, settings }: Named, verb: string): void {
  if (settings.engine === 'command' && !usesOnnx(settings))
    throw new DepthgateError(
      'usage',
      `${flag} ${name}: brings its own network, and ${verb} must give it others. Put {onnx} into its \`command\``,
    )
}

/** A guide is to be quick, and to run what it is given; the engine itself is no guide. */
function checkGuide(guide: Named, engine: Named, verb: string): void {
  if (guide.name === engine.name) return
  refuseOwnNetwork('--guide', guide, verb)
  if (guide.settings.engine === 'tensorrt')
    throw new DepthgateError(
      'usage',
      `--guide ${guide.name}: is TensorRT, on which every trial is a build. Name a quicker engine, or leave --guide out: then emulation on the CPU guides`,
    )
  if (verb === 'explain' && engine.settings.engine !== 'tensorrt')
    throw new DepthgateError(
      'usage',
      `--guide ${guide.name}: ${engine.name} is quick enough to need no guide. Leave --guide out, or name a TensorRT engine with --engine`,
    )
}

function formatOf(precision: string): MadeFormat {
  const formats = [...roundedFormats, ...quantizedFormats]
  checkChoice(precision, formats, '--precision')
  return formats.find(format => format === precision)!
}
