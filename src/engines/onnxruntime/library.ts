import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { messageOf } from '../../base/errors.ts'

/**
 * The library that a provider of a GPU lacks, its own or one that it needs, in the loader's words; undefined where none is, and
 * where that cannot be told. To be asked before ONNX Runtime is: at whatever log level of a session it prints what does not
 * load on standard error, and throws without the name. Its own level is one for the process, and also TensorRT's words go by it.
 * @param folder where ONNX Runtime looks for the libraries of its providers
 */
export function missingLibrary(provider: string, folder: string = libraries()): string | undefined {
  if (provider === 'cpu' || process.platform !== 'linux') return undefined
  const own = join(folder, `libonnxruntime_providers_${provider}.so`)
  const absent = [own, join(folder, 'libonnxruntime_providers_shared.so')].filter(file => !existsSync(file))
  for (const library of absent.length > 0 ? absent : notFound(own)) {
    const fault = loaderFault(library)
    if (fault !== undefined) return fault
  }
  return undefined
}

/** Beside ONNX Runtime's own. */
function libraries(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  return join(entry, '../../bin/napi-v6', process.platform, process.arch)
}

/** What a library needs and the loader does not find. The library itself is not loaded: it may start CUDA, or fail without ONNX Runtime. */
function notFound(library: string): string[] {
  try {
    const needs = execFileSync('ldd', [library], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return [...needs.matchAll(/^\s*(\S+) => not found/gm)].map(([, name]) => name!)
  } catch {
    // no ldd: ONNX Runtime will tell
    return []
  }
}

/** Undefined for a library that this process has loaded already, wherever from. */
function loaderFault(library: string): string | undefined {
  try {
    process.dlopen({ exports: {} }, library)
  } catch (thrown) {
    // it is no addon of Node's: a library that does load is refused for that, in other words
    return /\S+: cannot open shared object file/.exec(messageOf(thrown))?.[0]
  }
  return undefined
}
