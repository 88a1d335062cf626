import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { sha256, writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { encodeNpy } from '../depth/npy.ts'
import type { LoadedConfig } from '../gate/config.ts'
import type { JudgedRecord, SavedOutput } from '../gate/run-record.ts'
import type { Truth } from '../golden/store.ts'

/** What a test leaves for `depthgate/reporter`. Plain JSON: it travels between processes, and in blobs between machines. */
export interface VerdictNotes {
  /** The config that judged. */
  config: string
  /** Notes of an earlier try of the same test do not count. */
  attempt: number
  /** Records of a run, with numbers that JSON cannot write as strings. */
  records: unknown[]
}

/** The part of a running test that is looked at. Vitest 4.1 and 5 have all of it. */
export interface RunningTest {
  id: string
  meta: object
  result?: { retryCount?: number; repeatCount?: number }
  context?: {
    annotate?: (
      message: string,
      type: string,
      attachment: { path: string; contentType: string },
    ) => Promise<unknown>
  }
}

/** What tests left under a test's `meta`; typed here, because Vitest's own type cannot be augmented from outside. */
interface Meta {
  depthgate?: VerdictNotes
}

export function notesOf(meta: object): VerdictNotes | undefined {
  return (meta as Meta).depthgate
}

/** Where the maps and the record of a run of tests are kept, below the config's folder. */
export const testRunFolder = '.depthgate/vitest'

/** Adds a verdict to the test that asked for it, and its pictures, which Vitest's own reports then show. */
export function noteVerdict(
  test: RunningTest | undefined,
  { file, root }: LoadedConfig,
  record: JudgedRecord,
): void {
  if (!test) return
  const attempt = (test.result?.retryCount ?? 0) + 1000 * (test.result?.repeatCount ?? 0)
  const before = notesOf(test.meta)
  const records = before?.attempt === attempt ? before.records : []
  const notes = { config: file, attempt, records: [...records, JSON.parse(honestJson(record)) as unknown] }
  Object.assign(test.meta, { depthgate: notes } satisfies Meta)
  for (const [output, picture] of Object.entries(record.pictures ?? {}))
    attach(test, `${record.model}/${record.scene} ${output}: golden, engine, error`, join(root, picture))
}

/** Vitest waits for what is attached, so a synchronous matcher need not. A picture that is lost fails no test. */
function attach({ context }: RunningTest, message: string, path: string): void {
  try {
    context?.annotate?.(message, 'depthgate', { path, contentType: 'image/png' }).catch(() => {})
  } catch {
    // the test ended already: a matcher was called behind its back
  }
}

/** Keeps the maps that a test judged for the report's pictures. What cannot be written leaves the report without them. */
export function keepMaps(
  test: RunningTest,
  { root }: LoadedConfig,
  record: Pick<JudgedRecord, 'model' | 'scene' | 'precision' | 'engine'>,
  outputs: Readonly<Record<string, Truth | undefined>>,
): Record<string, SavedOutput> | undefined {
  // one test may judge a scene twice, and two tests the same scene
  const count = notesOf(test.meta)?.records.length ?? 0
  const place = createHash('sha256').update(`${test.id} ${count}`).digest('hex').slice(0, 12)
  try {
    const saved: Record<string, SavedOutput> = {}
    for (const [output, value] of Object.entries(outputs)) {
      if (value === undefined) continue
      if (typeof value === 'number') saved[output] = { value }
      else {
        const file = `maps/${record.model}/${record.scene}/${record.precision}-${place}/${output}.npy`
        const bytes = encodeNpy(value)
        writeWhole(join(root, testRunFolder, file), bytes)
        saved[output] = { file, sha256: sha256(bytes) }
      }
    }
    return saved
  } catch {
    return undefined
  }
}
