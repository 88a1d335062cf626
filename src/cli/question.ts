import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { checkChoice } from '../base/options.ts'
import { usesOnnx } from '../engines/command/placeholders.ts'
import type { Question } from '../explain/evaluator.ts'
import type { MadeFormat } from '../explain/variants.ts'
import { findModel, loadConfig, onnxByPrecision, sceneNames } from '../gate/config.ts'
import { engineNamed } from '../gate/engines.ts'
import { quantizedFormats } from '../precision/quantized-weight.ts'
import { roundedFormats } from '../precision/round.ts'
import { toleranceOf } from './command.ts'

interface Asked {
  precision: string
  scene?: string[]
  engine?: string
  within?: string[]
  config?: string
}

/** What `explain` and `mend` ask: a model of the config at a precision that depthgate makes, on some of its scenes. */
export function questionOf(verb: string, positionals: readonly string[], asked: Asked): Question {
  const [name, ...more] = positionals
  if (name === undefined || more.length > 0)
    throw new DepthgateError(
      'usage',
      `depthgate ${verb} takes one model of the config, got ${positionals.length}. See: depthgate ${verb} --help`,
    )
  const precision = formatOf(asked.precision)
  const model = findModel(loadConfig(asked.config), name)
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
  if (engine.settings.engine === 'command' && !usesOnnx(engine.settings))
    throw new DepthgateError(
      'usage',
      `--engine ${engine.name}: brings its own network, and ${verb} must give it others. Put {onnx} into its \`command\``,
    )
  const known = sceneNames(model)
  const scenes = [...new Set(asked.scene ?? known)].sort()
  for (const scene of scenes) checkChoice(scene, known, `--scene of ${name}`)
  return {
    ...{ model, onnx, precision, scenes, engine: engine.name },
    ...(asked.within && { tolerance: toleranceOf(asked.within) }),
  }
}

function formatOf(precision: string): MadeFormat {
  const formats = [...roundedFormats, ...quantizedFormats]
  checkChoice(precision, formats, '--precision')
  return formats.find(format => format === precision)!
}
