import { resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { plural } from '../base/plural.ts'
import { defaultPython } from '../base/python.ts'
import { goldenFolder, loadConfig, nearestConfigs } from '../gate/config.ts'
import { capture as runCapture } from '../golden/capture.ts'
import type { OutputKind } from '../golden/manifest.ts'
import { outputKinds } from '../golden/manifest-schema.ts'
import { type Command, numberOf, parse } from './command.ts'

/** Makes goldens by running a PyTorch model. */
export const capture: Command = {
  summary: 'make goldens by running a PyTorch model',
  help: `depthgate capture --model FILE.py:FACTORY --scenes GLOB --out golden/NAME --output NAME=KIND … [options]

  --model FILE.py:FACTORY  a function without arguments that returns a torch.nn.Module in FP32
  --scenes GLOB …          PNG pictures or .npy tensors at the network's input size; may be given several times
  --out FOLDER             where the goldens go; its last segment is the model's name
  --output NAME=KIND       the network's outputs, in the order that it returns them; NAME as in the ONNX. KIND:
                           ${outputKinds.slice(0, 3).join(', ')},
                           ${outputKinds.slice(3).join(', ')},
                           or ignore: the network returns it, and it is not kept
  --mean R,G,B --std R,G,B a picture becomes (pixel / 255 - mean) / std, RGB, NCHW (0,0,0 and 1,1,1)
  --onnx FILE              the ONNX exported from this model: it must take the scenes and have the outputs, by
                           their names in the config where that gives them others; its hash is kept
  --device cuda|cpu        by default CUDA where PyTorch sees it
  --python PROGRAM         a Python that has PyTorch (DEPTHGATE_PYTHON, else python3)
  --replace                put the new goldens in the place of old ones

PyTorch runs in FP32 with TF32 off and deterministic algorithms. With canonical-inverse-depth and fov the metric depth
is derived and kept as the output "depth".

Exit code: 0 captured, 2 nothing was written.

  depthgate capture --model model.py:build --scenes 'scenes/*.png' --out golden/midas --output depth=relative-inverse-depth
`,
  async run(args) {
    const { values, positionals } = parse('capture', args, {
      model: { type: 'string' },
      scenes: { type: 'string', multiple: true, default: [] as string[] },
      out: { type: 'string' },
      output: { type: 'string', multiple: true, default: [] as string[] },
      mean: { type: 'string', default: '0,0,0' },
      std: { type: 'string', default: '1,1,1' },
      onnx: { type: 'string' },
      device: { type: 'string' },
      python: { type: 'string', default: defaultPython() },
      replace: { type: 'boolean', default: false },
    })
    const missing = (['model', 'scenes', 'out', 'output'] as const).filter(
      flag => values[flag] === undefined || values[flag]?.length === 0,
    )
    if (missing.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate capture needs ${missing.map(flag => `--${flag}`).join(', ')}. See: depthgate capture --help`,
      )
    const outputs = outputsOf(values.output)
    const golden = await runCapture({
      model: values.model!,
      // an unquoted glob is spread by the shell: the first file comes with the flag, the others alone
      scenes: [...values.scenes, ...positionals],
      out: values.out!,
      outputs,
      input: preprocessingOf(values.mean, values.std),
      python: values.python,
      replace: values.replace,
      ...(values.onnx !== undefined && { onnx: values.onnx }),
      // a config of another machine need not load here
      ...((values.onnx !== undefined || outputs.some(([, kind]) => kind === 'ignore')) && told(values.out!)),
      ...(values.device !== undefined && { device: values.device }),
      onProgress: line => console.error(line),
      onRemark: remark => console.error(`note: ${remark}`),
    })
    const { capture: facts, scenes } = golden.manifest
    console.log(
      `${plural(Object.keys(scenes).length, 'scene')} captured into ${values.out} (PyTorch ${facts?.torch}, ${facts?.device}, FP32, TF32 off)`,
    )
    return 0
  },
}

/** What the config says of the outputs of the model whose goldens lie there, if there is one. */
function told(out: string): { onnxNames?: Record<string, string>; ignoreOutputs?: string[] } {
  if (process.env.DEPTHGATE_CONFIG === undefined && nearestConfigs(process.cwd()).length === 0) return {}
  const { root, config } = loadConfig()
  const model = Object.entries(config.models).find(
    ([name, entry]) => goldenFolder(root, name, entry) === resolve(out),
  )?.[1]
  const names = Object.entries(model?.outputs ?? {}).flatMap(([output, { onnx }]) =>
    onnx === undefined ? [] : [[output, onnx] as const],
  )
  return { onnxNames: Object.fromEntries(names), ignoreOutputs: model?.ignoreOutputs ?? [] }
}

const keptOrNot = [...outputKinds, 'ignore'] as const

function outputsOf(pairs: readonly string[]): [name: string, kind: OutputKind | 'ignore'][] {
  const outputs = new Map<string, OutputKind | 'ignore'>()
  for (const pair of pairs) {
    const [, name = '', given = ''] = /^([^=]+)=(.*)$/.exec(pair) ?? []
    const kind = keptOrNot.find(known => known === given)
    if (kind === undefined)
      throw new DepthgateError('usage', `--output ${pair}: write NAME=KIND${didYouMean(given, keptOrNot)}`)
    if (outputs.has(name)) throw new DepthgateError('usage', `--output ${pair}: ${name} is named twice`)
    outputs.set(name, kind)
  }
  return [...outputs]
}

/** `--mean` and `--std` as the manifest keeps them. */
export function preprocessingOf(mean: string, std: string) {
  return { color: 'rgb', layout: 'nchw', mean: triple('--mean', mean), std: triple('--std', std) } as const
}

function triple(flag: string, text: string): [number, number, number] {
  const numbers = text.split(',').map(part => numberOf(flag, part))
  if (numbers.length !== 3 || (flag === '--std' && numbers.includes(0)))
    throw new DepthgateError(
      'usage',
      `${flag} ${text}: write three numbers R,G,B${flag === '--std' ? ', none of them 0' : ''}`,
    )
  return numbers as [number, number, number]
}
