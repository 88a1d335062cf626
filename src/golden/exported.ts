import { DepthgateError } from '../base/errors.ts'
import { thereAre } from '../base/names.ts'
import { formatShape } from '../depth/depth-map.ts'
import { readModel } from '../onnx/model.ts'
import { type DeclaredPort, layoutHint, portsOf, takesShape } from '../onnx/ports.ts'

/** What the ONNX that was exported from a model takes and gives. */
export interface Exported {
  file: string
  input: DeclaredPort
  outputs: readonly string[]
}

/** Reads what an ONNX takes and gives. Throws unless it has one input. */
export function readExported(file: string): Exported {
  const { inputs, outputs } = portsOf(readModel(file))
  const [input, ...more] = inputs
  if (!input || more.length > 0)
    throw new DepthgateError(
      'onnx',
      `${file}: has ${inputs.length === 0 ? 'no input' : `the inputs ${inputs.map(({ name }) => name).join(', ')}`}, expected one. Export the model with one input`,
    )
  return { file, input, outputs: outputs.map(({ name }) => name) }
}

/**
 * Throws unless the ONNX has every output that is kept.
 * @param onnxNames what the ONNX calls an output of the golden, where the config says another name
 */
export function checkExportedOutputs(
  { file, outputs }: Exported,
  kept: readonly string[],
  onnxNames: Readonly<Record<string, string>>,
): void {
  for (const name of kept) {
    const wanted = onnxNames[name] ?? name
    if (outputs.includes(wanted)) continue
    const where = wanted === name ? '' : `, which the config maps to ${JSON.stringify(wanted)}`
    throw new DepthgateError(
      'onnx',
      `--output ${name}${where}: ${file} has no output ${JSON.stringify(wanted)}${thereAre(wanted, outputs)} ` +
        (where === ''
          ? `Name it as the ONNX does; or say what it is there with \`outputs: { ${JSON.stringify(name)}: { onnx: '…' } }\` in the config`
          : 'Correct `onnx` there'),
    )
  }
}

/** Throws where the ONNX does not take a scene's tensor. */
export function checkExportedInput({ file, input }: Exported, scene: string, fed: readonly number[]): void {
  if (input.shape === undefined || takesShape(input.shape, fed)) return
  throw new DepthgateError(
    'onnx',
    `${scene}: is ${formatShape(fed)}, and ${file} takes ${input.name} (${input.shape.join('×') || 'a scalar'}). ` +
      (layoutHint(input.shape, fed) ??
        'Bring the scenes to that size, or export the model at theirs, or with free axes'),
  )
}

/** What a person should know where outputs are named in another order than the ONNX has them, by their names there. Pure. */
export function orderRemarks({ file, outputs }: Exported, named: readonly string[]): string[] {
  const common = (names: readonly string[], others: readonly string[]) =>
    names.filter(name => others.includes(name)).join(', ')
  const [asked, there] = [common(named, outputs), common(outputs, named)]
  return asked === there
    ? []
    : [
        `--output names ${asked} in this order, ${file} has ${there}. Right where the network returns a mapping; one that returns a tuple is named in its order`,
      ]
}
