import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readSource, writeWhole } from '../base/files.ts'
import { honestJson, parseJson, withNumbers } from '../base/json.ts'
import { validated } from '../base/validate.ts'
import { type Precision, precisions } from '../engines/engine.ts'
import type { BaselineOutcome } from './baseline.ts'
import { baselineKey, type Environment } from './baseline-file.ts'
import { baselineResult, verdictResult } from './run-schema.ts'
import type { Verdict } from './verdict.ts'

/** Why someone should look: no baseline yet, better than it, worse than it, or beyond the tolerance. */
export const pendingKinds = ['new', 'improved', 'regressed', 'failed'] as const
export type PendingKind = (typeof pendingKinds)[number]

/** One case that waits for a person, as a file under `.depthgate/pending`. */
export interface PendingEntry {
  schemaVersion: 1
  kind: PendingKind
  model: string
  scene: string
  precision: Precision
  environment: Environment
  /** ISO 8601, UTC. */
  made: string
  verdict: Verdict
  baseline: BaselineOutcome
  /** By output, relative to the config's folder. */
  pictures: { [output: string]: string }
}

const text = { type: 'string' } as const
const schema = {
  type: 'object',
  properties: {
    schemaVersion: { const: 1 },
    kind: { enum: pendingKinds },
    model: text,
    scene: text,
    precision: { enum: precisions },
    environment: { type: 'object' },
    made: { type: 'string', format: 'date-time' },
    verdict: verdictResult,
    baseline: baselineResult,
    pictures: { type: 'object', additionalProperties: text },
  },
  required: ['schemaVersion', 'kind', 'model', 'scene', 'environment', 'made', 'verdict', 'baseline'],
} as const

/** `model/scene/key`: what `accept` and `reject` are told. */
export function pendingId({ model, scene, environment }: PendingEntry): string {
  return `${model}/${scene}/${baselineKey(environment)}`
}

function pendingFolder(root: string): string {
  return join(root, '.depthgate/pending')
}

function pathOf(root: string, id: string): string {
  return join(pendingFolder(root), `${id}.json`)
}

export function writePending(root: string, entry: PendingEntry): void {
  writeWhole(pathOf(root, pendingId(entry)), `${honestJson(entry)}\n`)
}

/** Removes an entry, and its folders where they are empty now. */
export function removePending(root: string, id: string): void {
  const path = pathOf(root, id)
  if (!existsSync(path)) return
  rmSync(path, { force: true })
  try {
    rmdirSync(dirname(path))
    rmdirSync(dirname(dirname(path)))
  } catch {
    // another entry is in there
  }
}

/** Every entry that waits, in the order of their ids. */
export function readPending(root: string): PendingEntry[] {
  const folder = pendingFolder(root)
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.json'))
    .sort()
    .map(file => {
      const path = join(folder, file)
      const wayOut = 'Remove it, and run the gate again'
      const source = Buffer.from(readSource(path, 'pending', wayOut)).toString('utf8')
      return withNumbers(
        validated<PendingEntry>(schema, parseJson(source, path, 'pending'), path, 'pending'),
      ) as PendingEntry
    })
}
