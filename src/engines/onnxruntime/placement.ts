import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DepthgateError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import { plural } from '../../base/plural.ts'

interface ProfileEvent {
  cat?: string
  name?: string
  args?: { provider?: string; op_name?: string }
}

const providers: Record<string, string> = {
  cuda: 'CUDAExecutionProvider',
  tensorrt: 'TensorrtExecutionProvider',
}

/**
 * Throws unless the profile that ONNX Runtime has written to a folder shows that every node ran on the provider: a
 * promise not to fall back is one thing, what ran is another.
 */
export function checkPlacement(folder: string, provider: string, onnx: string): void {
  const [file] = readdirSync(folder)
  const path = join(folder, file ?? '')
  const events = file ? (parseJson(readFileSync(path, 'utf8'), path, 'engine') as ProfileEvent[]) : []
  const fault = placementFault(events, provider)
  if (fault) throw new DepthgateError('engine', `${onnx}: ${fault}`)
}

/** What is wrong with where the nodes of a profile ran, or undefined. Pure. */
export function placementFault(events: readonly ProfileEvent[], provider: string): string | undefined {
  const wanted = providers[provider]
  const nodes = events.filter(({ cat, args }) => cat === 'Node' && args?.provider)
  if (nodes.length === 0)
    return `ONNX Runtime's profile names no node, so nobody knows where they ran. Update onnxruntime-node`
  const strays = nodes.filter(({ args }) => args?.provider !== wanted)
  if (strays.length === 0) return undefined
  const told = [...new Set(strays.map(({ args }) => `${args?.op_name} on ${args?.provider}`))]
  return `${strays.length} of ${plural(nodes.length, 'node')} did not run on ${wanted}: ${told.slice(0, 5).join(', ')}. Export so that the provider takes every node`
}
