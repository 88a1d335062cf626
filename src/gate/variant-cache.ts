import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkCache } from '../base/cache.ts'
import { sha256, writeWhole } from '../base/files.ts'
import { version } from '../base/version.ts'
import type { ModelProto } from '../onnx/gen/onnx_pb.ts'
import { hashOnnx } from '../onnx/hash.ts'
import { writeModel } from '../onnx/write.ts'

/** Raised when the same key would give another model, by a change of depthgate within one version. */
const edition = 2

/** A model that can be made anew at any time. */
export interface Entry<Facts> {
  folder: string
  /** What a person sees of it; the rest of the file's name is made from the key. */
  name: string
  /** Everything that its bytes depend on. */
  key: readonly string[]
  /** The model that it is made from; weights in external data are read there. */
  source: string
  make(): Promise<{ model: ModelProto; facts: Facts }>
}

/**
 * The path of a made model and what its making found, from the folder or made now. Entries may be deleted at any time;
 * one that is not whole is made anew and never read. Two processes that make one at once write the same bytes, each puts
 * its own in place whole.
 */
export async function cachedModel<Facts>(entry: Entry<Facts>): Promise<{ path: string; facts: Facts }> {
  const { folder, name, key, source, make } = entry
  // another depthgate may make the same variant otherwise: its entries are left alone
  const path = join(folder, `${name}-${sha256([version, edition, ...key].join('\n')).slice(0, 32)}.onnx`)
  const found = sealed<Facts>(path)
  if (found) return { path, facts: found.facts }
  checkCache(folder)
  const { model, facts } = await make()
  writeModel(path, model, { from: source })
  writeWhole(`${path}.json`, `${JSON.stringify({ sha256: hashOnnx(path), facts })}\n`)
  return { path, facts }
}

/** What lies beside an entry was written after it and holds its hash: without it, or with another, it is not whole. */
function sealed<Facts>(path: string): { facts: Facts } | undefined {
  if (!existsSync(path) || !existsSync(`${path}.json`)) return undefined
  try {
    const seal = JSON.parse(readFileSync(`${path}.json`, 'utf8'))
    return seal.sha256 === hashOnnx(path) ? seal : undefined
  } catch {
    return undefined
  }
}
