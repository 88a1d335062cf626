import { createRequire } from 'node:module'
import { join } from 'node:path'
import { messageOf } from '../../base/errors.ts'

/**
 * What ONNX Runtime threw about a provider, with the library that the loader did not find: ONNX Runtime prints its name and
 * throws without it.
 */
export function loadMessage(provider: string, cause: unknown): string {
  const message = messageOf(cause)
  const missing = /load shared library/i.test(message) && missingLibrary(provider)
  return missing ? `${message}: ${missing}` : message
}

/** The loader's words on the library that a provider lacks, which may be the provider's own; undefined where none is. */
function missingLibrary(provider: string): string | undefined {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  const folder = join(entry, '../../bin/napi-v6', process.platform, process.arch)
  try {
    process.dlopen({ exports: {} }, join(folder, `libonnxruntime_providers_${provider}.so`))
  } catch (thrown) {
    // it is no addon of Node's: a library that does load is refused for that, in other words
    return /\S+: cannot open shared object file/.exec(messageOf(thrown))?.[0]
  }
  return undefined
}
