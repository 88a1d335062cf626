import { mayWrite } from '../base/ci.ts'
import { DepthgateError } from '../base/errors.ts'
import { gitUser } from '../base/git-user.ts'
import { didYouMean } from '../base/names.ts'
import { baselinePath, environmentOf, readBaseline, type SceneBaseline } from './baseline-file.ts'
import { acceptVerdict, decideUpdate } from './baseline-update.ts'
import { findModel, type LoadedConfig } from './config.ts'
import { type PendingEntry, pendingId, removePending } from './pending.ts'
import type { RunRecord } from './run-record.ts'

/** The entries of a saved run that someone should look at, as the gate that made it would have left them. */
export function entriesOfRun({ config }: LoadedConfig, { cases, header }: RunRecord): PendingEntry[] {
  return cases.flatMap(record => {
    const fingerprint = record.type === 'judged' ? record.verdict.fingerprint : undefined
    if (record.type !== 'judged' || !fingerprint) return []
    const action = decideUpdate(record.baseline, 'none')
    if (action.type !== 'ask') return []
    const { model, scene, precision, verdict, baseline, pictures = {} } = record
    return [
      {
        schemaVersion: 1,
        kind: action.kind,
        model,
        scene,
        precision,
        environment: environmentOf(fingerprint, config.baseline?.anyCpu),
        made: header.ended,
        verdict,
        baseline,
        pictures,
      },
    ]
  })
}

/** The entries that names choose: an id, or its beginning up to a slash. A name that chooses nothing is an error. */
export function chooseEntries(entries: readonly PendingEntry[], names: readonly string[]): PendingEntry[] {
  const matches = (entry: PendingEntry, name: string) =>
    `${pendingId(entry)}/`.startsWith(`${name.replace(/\/+$/, '')}/`)
  for (const name of names)
    if (!entries.some(entry => matches(entry, name)))
      throw new DepthgateError(
        'pending',
        `${name}: nothing of that name is pending${didYouMean(name, [...new Set(entries.flatMap(namesOf))])}`,
      )
  return entries.filter(entry => names.some(name => matches(entry, name)))
}

function namesOf(entry: PendingEntry): string[] {
  return [pendingId(entry), `${entry.model}/${entry.scene}`]
}

/** Throws in CI, where nobody looks at what is written, unless the caller was told to in words. */
export function checkMayWrite(inWords: boolean): void {
  if (inWords || mayWrite()) return
  throw new DepthgateError(
    'ci',
    'CI is set, so baselines are not written. Accept where a person looks: `depthgate accept --run FOLDER` takes a run that CI saved. If it is meant here, add --write-in-ci',
  )
}

/**
 * What became of an entry. Only figures within their tolerance are accepted: a golden or a limit is never moved, so what
 * breaks its tolerance stays broken.
 */
export type Decision =
  | { type: 'accepted'; id: string; file: string }
  | { type: 'refused'; id: string; reason: string }
  /** Of another config, which may still want it. */
  | { type: 'left'; id: string; reason: string }

/** Makes an entry's figures the baseline, with who, when and why. */
export function acceptEntry(config: LoadedConfig, entry: PendingEntry, reason?: string): Decision {
  const id = pendingId(entry)
  if (!entry.verdict.pass)
    return {
      type: 'refused',
      id,
      reason: `breaks its tolerance, and accepting moves no limit and no golden (${entry.verdict.reason})`,
    }
  if (!hasModel(config, entry))
    return {
      type: 'left',
      id,
      reason: `${config.file} has no model ${entry.model}. Accept it with the --config that has, or forget what is pending of it: depthgate reject ${entry.model}`,
    }
  const model = findModel(config, entry.model)
  if (!Object.hasOwn(model.golden.manifest.scenes, entry.scene))
    return {
      type: 'refused',
      id,
      reason: `the goldens of ${entry.model} have no scene ${entry.scene} any more`,
    }
  const file = acceptVerdict(config, model, entry.verdict, entry.environment, {
    by: gitUser(config.root),
    date: new Date().toISOString(),
    ...(reason !== undefined && reason !== '' && { reason }),
  })
  removePending(config.root, id)
  return { type: 'accepted', id, file }
}

/** The figures accepted last for an entry, if there are any. */
export function acceptedBefore(config: LoadedConfig, entry: PendingEntry): SceneBaseline | undefined {
  if (!hasModel(config, entry)) return undefined
  const [, , key = ''] = pendingId(entry).split('/')
  return readBaseline(baselinePath(findModel(config, entry.model), key))?.scenes[entry.scene]
}

function hasModel({ config }: LoadedConfig, { model }: PendingEntry): boolean {
  return Object.hasOwn(config.models, model)
}
