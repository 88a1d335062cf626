import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { plural } from '../base/plural.ts'
import type { Precision } from '../engines/engine.ts'
import { hashOnnx } from '../onnx/hash.ts'
import type { QuantizedFormat } from '../precision/quantized-weight.ts'
import type { RoundedFormat } from '../precision/round.ts'
import { quantizeKey } from './calibrate.ts'
import { chosenRecipe } from './chosen-recipe.ts'
import { type Model, onnxByPrecision } from './config.ts'
import { makeQuantized } from './make-quantized.ts'
import { makeReduced, type VariantFacts } from './make-variant.ts'
import { type QuantizedRecipe, type ReducedRecipe, recipeText } from './recipe.ts'
import { cachedModel, type Entry } from './variant-cache.ts'

/** The file that an engine loads for a precision. */
export interface Variant {
  onnx: string
  /** The FP32 model with every tensor rounded to the precision, because the engine cannot compute in it. */
  emulated: boolean
  /** What a reader of the figures must know about how it was made. */
  notes: readonly string[]
}

/**
 * The ONNX that holds a precision: the config's own, or one that depthgate makes from the FP32 model by the precision's
 * recipe: strongly typed for an engine that computes in it, emulated for the CPU. What is made is kept in
 * `variants` of the cache, which may be deleted at any time; a damaged entry is made anew.
 * @param made where it is given, no ONNX of the config is taken but the FP32 one
 */
export async function variantFor(
  model: Model,
  precision: Precision,
  provider: string,
  made?: { recipe?: ReducedRecipe | QuantizedRecipe },
): Promise<Variant> {
  const { name, config, file, root } = model
  const own = onnxByPrecision(config)
  const unchanged = precision === 'fp32' || (precision === 'tf32' && provider !== 'cpu')
  const given = (made && !unchanged ? undefined : own[precision]) ?? (unchanged ? own.fp32 : undefined)
  if (given !== undefined) return { onnx: resolve(root, given), emulated: false, notes: [] }
  if (own.fp32 === undefined)
    throw new DepthgateError(
      'config',
      `${file}: model ${name} has no ONNX of precision ${precision}, and none of fp32 to make it from. Name the FP32 export: \`onnx: { fp32: '…' }\``,
    )
  const onnx = resolve(root, own.fp32)
  if (!existsSync(onnx))
    throw new DepthgateError(
      'onnx',
      `${onnx}: there is no such file. Export the model, or correct \`onnx\` in the config`,
    )
  if (precision !== 'fp32' && precision !== 'tf32') {
    const { recipe, notes } = made?.recipe
      ? { recipe: made.recipe, notes: [] }
      : chosenRecipe(model, precision)
    const arithmetic = provider === 'cpu' ? 'emulated' : 'native'
    const variant =
      precision === 'fp16' || precision === 'bf16'
        ? await reducedVariant(model, onnx, precision, arithmetic, recipe as ReducedRecipe)
        : await quantizedVariant(model, onnx, precision, arithmetic, recipe as QuantizedRecipe)
    return { ...variant, notes: [...notes, ...variant.notes] }
  }
  throw new DepthgateError(
    'config',
    `${file}: model ${name} cannot run at ${precision} on a CPU: it is arithmetic of GPUs. Give an engine on a GPU this precision, or take it out of \`precisions\``,
  )
}

async function reducedVariant(
  model: Model,
  onnx: string,
  format: RoundedFormat,
  arithmetic: 'emulated' | 'native',
  recipe: ReducedRecipe,
): Promise<Variant> {
  const { path, facts } = await once(model, {
    name: arithmetic === 'emulated' ? `${format}-emulated` : format,
    key: [format, arithmetic, recipeText(recipe), hashOnnx(onnx)],
    source: onnx,
    make: () => makeReduced(onnx, format, arithmetic, recipe),
  })
  return { onnx: path, emulated: arithmetic === 'emulated', notes: factNotes(format, facts) }
}

/** A quantised model is the same for every engine where the rest stays FP32. */
async function quantizedVariant(
  model: Model,
  onnx: string,
  format: QuantizedFormat,
  arithmetic: 'emulated' | 'native',
  recipe: QuantizedRecipe,
): Promise<Variant> {
  const { rest = 'fp32' } = recipe
  const emulated = rest !== 'fp32' && arithmetic === 'emulated'
  const { path, facts } = await once(model, {
    name: [format, ...(rest === 'fp32' ? [] : [rest]), ...(emulated ? ['emulated'] : [])].join('-'),
    key: [...quantizeKey(model, format, recipe), ...(emulated ? [arithmetic] : []), hashOnnx(onnx)],
    source: onnx,
    make: async () => {
      const { model: made, facts } = await makeQuantized(model, format, arithmetic, recipe)
      const { nodes, kept, method, scenes, clamped, flushed, summed } = facts
      return {
        model: made,
        facts: { nodes, kept: kept.length, method, scenes: scenes.length, clamped, flushed, summed },
      }
    },
  })
  const { nodes, kept, method, scenes, clamped = [], flushed = [], summed } = facts
  const others =
    rest === 'fp32'
      ? `${plural(kept, 'stays', 'stay')} FP32`
      : `${plural(kept, 'is', 'are')} not; the rest is ${rest}`
  return {
    onnx: path,
    emulated,
    notes: [
      `${plural(nodes, 'product is', 'products are')} ${format}, ${others}; calibrated by ${method} on ${plural(scenes, 'scene')}`,
      ...(rest === 'fp32'
        ? []
        : factNotes(rest, { clamped, flushed, ...(summed !== undefined && { summed }) })),
    ],
  }
}

const making = new Map<string, Promise<unknown>>()

/** Made once where several scenes ask for it together. */
function once<Facts>(
  model: Model,
  variant: Omit<Entry<Facts>, 'folder'>,
): Promise<{ path: string; facts: Facts }> {
  const entry = { ...variant, folder: join(model.cache, 'variants') }
  const key = JSON.stringify([entry.folder, ...entry.key])
  let made = making.get(key) as ReturnType<typeof cachedModel<Facts>> | undefined
  if (!made) {
    made = cachedModel(entry).finally(() => making.delete(key))
    making.set(key, made)
  }
  return made
}

function factNotes(format: RoundedFormat, { clamped, flushed, summed }: VariantFacts): string[] {
  return [
    ...(clamped.length > 0 ? [`weights beyond the largest ${format} were set to it: ${told(clamped)}`] : []),
    ...(flushed.length > 0 ? [`weights below half of the smallest ${format}: ${told(flushed)}`] : []),
    ...(summed === undefined
      ? []
      : [`${plural(summed, 'product is', 'products are')} summed in FP16, 16 at a time`]),
  ]
}

function told(tensors: readonly { tensor: string; count: number }[]): string {
  const some = tensors.slice(0, 3).map(({ tensor, count }) => `${count} in ${tensor}`)
  return `${some.join(', ')}${tensors.length > 3 ? `, and ${plural(tensors.length - 3, 'more tensor')}` : ''}`
}
