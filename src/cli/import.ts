import { join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { plural } from '../base/plural.ts'
import { importGolden, importUnits } from '../golden/import.ts'
import { preprocessingOf } from './capture.ts'
import { type Command, numberOf, parse } from './command.ts'

/** Makes goldens from arrays that PyTorch wrote elsewhere. */
export const importCommand: Command = {
  summary: 'make a golden from arrays that PyTorch wrote elsewhere',
  help: `depthgate import MODEL/SCENE --input X --depth Y.npy --unit UNIT --source "…" [options]

  MODEL/SCENE         the golden's name: a model of a-z 0-9 . _ -, a scene of lower-case letters, digits . _ -
  --input X           the picture (.png) or tensor (.npy, float32) exactly as the model saw it
  --depth Y.npy       what PyTorch produced, H×W floats
  --unit UNIT         ${Object.entries(importUnits)
    .map(([unit, kind]) => `${unit}: ${kind}`)
    .join('; ')}
  --source TEXT       where the arrays came from: model, weights, torch, device
  --fov DEG           the horizontal field of view, where the model predicts one
  --output NAME       the ONNX output that gives this map (depth; for canonical inverse_depth)
  --fov-output NAME   the ONNX output that gives the field of view (fov_deg)
  --mean R,G,B --std R,G,B   for a picture: (pixel / 255 - mean) / std, RGB, NCHW (0,0,0 and 1,1,1)
  --goldens FOLDER    the folder of all goldens (golden)
  --replace           put the new golden in the place of an old one

Exit code: 0 imported, 2 nothing was written.

  depthgate import midas/kitchen --input kitchen.npy --depth kitchen-depth.npy --unit relative-inverse \\
    --output depth --source "MiDaS 3.1 dpt_large, torch 2.11 FP32, A100"
`,
  async run(args) {
    const { values, positionals } = parse('import', args, {
      input: { type: 'string' },
      depth: { type: 'string' },
      unit: { type: 'string' },
      source: { type: 'string' },
      fov: { type: 'string' },
      output: { type: 'string' },
      'fov-output': { type: 'string', default: 'fov_deg' },
      mean: { type: 'string', default: '0,0,0' },
      std: { type: 'string', default: '1,1,1' },
      goldens: { type: 'string', default: 'golden' },
      replace: { type: 'boolean', default: false },
    })
    const [name, ...more] = positionals
    const [model, scene, ...rest] = name?.normalize('NFC').split('/') ?? []
    if (model === undefined || scene === undefined || rest.length > 0 || more.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate import takes one name, MODEL/SCENE, got ${JSON.stringify(positionals.join(' '))}. See: depthgate import --help`,
      )
    const missing = (['input', 'depth', 'unit', 'source'] as const).filter(flag => values[flag] === undefined)
    if (missing.length > 0)
      throw new DepthgateError(
        'usage',
        `depthgate import needs ${missing.map(flag => `--${flag}`).join(', ')}. See: depthgate import --help`,
      )
    if (!Object.hasOwn(importUnits, values.unit!))
      throw new DepthgateError(
        'usage',
        `--unit ${values.unit}: is unknown${didYouMean(values.unit!, Object.keys(importUnits))}. Convert other units (mm, cm) to metres first`,
      )
    const golden = importGolden({
      goldens: values.goldens,
      model,
      scene,
      input: values.input!,
      depth: values.depth!,
      unit: values.unit as keyof typeof importUnits,
      output: values.output ?? (values.unit === 'canonical' ? 'inverse_depth' : 'depth'),
      fovOutput: values['fov-output'],
      source: values.source!,
      preprocessing: preprocessingOf(values.mean, values.std),
      replace: values.replace,
      onRemark: remark => console.error(`note: ${remark}`),
      ...(values.fov !== undefined && { fovDeg: numberOf('--fov', values.fov) }),
    })
    console.log(
      `${model}/${scene} imported into ${join(values.goldens, model)} (${plural(Object.keys(golden.manifest.scenes).length, 'scene')})`,
    )
    return 0
  },
}
