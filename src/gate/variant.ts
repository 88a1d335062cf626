import { existsSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { sha256, sha256File, writeWhole } from '../base/files.ts'
import type { Precision } from '../engines/engine.ts'
import { encodeModel, readModel } from '../onnx/model.ts'
import { emulate } from '../precision/emulate.ts'
import { type RoundedFormat, roundedFormats } from '../precision/round.ts'
import { type Model, onnxByPrecision } from './config.ts'

/** The file that an engine loads for a precision. */
export interface Variant {
  onnx: string
  /** The FP32 model with every tensor rounded to the precision, because the engine cannot compute in it. */
  emulated: boolean
}

/** Raised when the same model would be made differently: old entries of the cache are then left alone. */
const recipe = 1

/**
 * The ONNX that holds a precision: the config's own, or, for fp16 and bf16 on a CPU, the FP32 model emulated. Emulated
 * models are kept in `.depthgate/variants`, which may be deleted at any time; a damaged one is made anew.
 */
export async function variantFor(model: Model, precision: Precision, provider: string): Promise<Variant> {
  const { name, config, file, root } = model
  const own = onnxByPrecision(config)
  const given = own[precision]
  if (given !== undefined) return { onnx: resolve(root, given), emulated: false }
  if (
    own.fp32 !== undefined &&
    provider === 'cpu' &&
    (roundedFormats as readonly string[]).includes(precision)
  )
    return {
      onnx: await emulated(
        resolve(root, own.fp32),
        precision as RoundedFormat,
        join(root, '.depthgate/variants'),
      ),
      emulated: true,
    }
  throw new DepthgateError(
    'config',
    `${file}: model ${name} has no ONNX of precision ${precision}. This version does not make it: name your own with \`onnx: { fp32: '…', ${precision}: '…' }\``,
  )
}

const making = new Map<string, Promise<string>>()

/** Path of the emulated model; made once, also where several scenes ask for it together. */
function emulated(onnx: string, format: RoundedFormat, folder: string): Promise<string> {
  if (!existsSync(onnx))
    throw new DepthgateError(
      'onnx',
      `${onnx}: there is no such file. Export the model, or correct \`onnx\` in the config`,
    )
  const { mtimeMs, size } = statSync(onnx)
  const key = JSON.stringify([onnx, mtimeMs, size, format])
  let made = making.get(key)
  if (!made) {
    made = make(onnx, format, folder)
    making.set(key, made)
    made.catch(() => making.delete(key))
  }
  return made
}

async function make(onnx: string, format: RoundedFormat, folder: string): Promise<string> {
  const key = sha256(`${recipe} ${format} ${sha256File(onnx)}`)
  const path = join(folder, `${format}-${key.slice(0, 32)}.onnx`)
  // the hash beside it was written after it: an entry without one, or with another, is not whole
  const seal = `${path}.sha256`
  if (existsSync(path) && existsSync(seal) && readFileSync(seal, 'utf8') === sha256File(path)) return path
  const { tensorTypes } = await import('../engines/onnxruntime/types.ts')
  const model = readModel(onnx)
  const types = await tensorTypes(model, onnx)
  emulate(model, format, tensor => types.get(tensor), onnx)
  const bytes = Buffer.concat(encodeModel(model))
  writeWhole(path, bytes)
  writeWhole(seal, sha256(bytes))
  return path
}
