import { DepthgateError } from '../base/errors.ts'
import { isLetterName, isName } from '../base/names.ts'

/** What lies beside the scenes in a golden's folder, and beside the outputs in a scene's. */
const besideScenes = new Set(['manifest.json', 'baselines'])
const besideOutputs = new Set(['input', 'preview'])

/** Throws unless a scene may have this name. */
export function checkSceneName(name: string): string {
  if (!isLetterName(name))
    throw new DepthgateError(
      'name',
      `scene ${JSON.stringify(name)}: names are made of lower-case letters, digits . _ - and do not begin with a dot`,
    )
  return checkFree('scene', name, besideScenes)
}

/** Throws unless an output may have this name. */
export function checkOutputName(name: string): string {
  if (!isName(name))
    throw new DepthgateError(
      'name',
      `output ${JSON.stringify(name)}: names are made of a-z 0-9 . _ - and do not begin with a dot. Name it otherwise, and say in the config what it is in the ONNX: \`outputs: { NAME: { onnx: ${JSON.stringify(name)} } }\``,
    )
  return checkFree('output', name, besideOutputs)
}

function checkFree(what: string, name: string, taken: ReadonlySet<string>): string {
  if (!taken.has(name)) return name
  throw new DepthgateError(
    'name',
    `${what} ${JSON.stringify(name)}: depthgate keeps a file of its own under that name. Choose another`,
  )
}
