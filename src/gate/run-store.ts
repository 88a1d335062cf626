import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder, readSource, sha256, writeWhole } from '../base/files.ts'
import { honestJson, parseJson, withNumbers } from '../base/json.ts'
import { isAbandoned } from '../base/processes.ts'
import { validated } from '../base/validate.ts'
import { asDepthMap } from '../depth/depth-map.ts'
import { encodeNpy, parseNpy } from '../depth/npy.ts'
import type { Truth } from '../golden/store.ts'
import { type CaseName, type RunRecord, runVersion, type SavedOutput } from './run-record.ts'
import { runSchema } from './run-schema.ts'

/** Runs that are kept under `.depthgate/runs`; those before them go. What `--save` names is never removed. */
const kept = 3
const fileName = 'run.json'
const idPattern = /^\d{8}-\d{6}-[0-9a-f]{4}$/

/** A name that sorts by time and is not taken twice in one second. */
export function newRunId(now: Date): string {
  const digits = now.toISOString().replaceAll(/[-:]/g, '').replace('T', '-').slice(0, 15)
  return `${digits}-${randomBytes(2).toString('hex')}`
}

/** Where the runs of a project are kept unless `--save` says otherwise. */
export function runsFolder(root: string): string {
  return join(root, '.depthgate/runs')
}

/**
 * A run on its way to the disk. Arrays go to a folder beside the target; `finish` writes run.json last and renames the
 * folder into place, so that a run is there whole or not at all.
 */
export interface RunWriter {
  readonly folder: string
  /** Saves what an engine gave for one case; returns what the record says of it. */
  saveOutputs(name: CaseName, outputs: Readonly<Record<string, Truth>>): Record<string, SavedOutput>
  finish(run: RunRecord): void
  /** Leaves nothing behind. */
  discard(): void
}

/**
 * Begins to save a run as `folder`. With `replace` an older run there is replaced at the end, without it is an error; what
 * is no run is never touched.
 */
export function saveRun(folder: string, { replace = false } = {}): RunWriter {
  const target = resolve(folder)
  // a run that comes back is there, too
  removeKilled(dirname(target))
  refuseTaken()
  const beside = (what: 'run' | 'old') =>
    join(dirname(target), `.${basename(target)}.${what}-${process.pid}-${hostname()}`)
  const staging = beside('run')
  return { folder: target, saveOutputs, finish, discard: () => remove(staging) }

  function refuseTaken(): void {
    // also where what should hold it is a file
    if (!existsSync(target)) return
    if (!statSync(target).isDirectory())
      throw new DepthgateError('run', `${folder}: is a file. Name a folder for the run`)
    if (readdirSync(target).length === 0) return
    if (!existsSync(join(target, fileName)))
      throw new DepthgateError(
        'run',
        `${folder}: is not empty and holds no saved run, so it is left alone. Name a new folder`,
      )
    if (!replace)
      throw new DepthgateError(
        'run',
        `${folder}: holds a saved run already. Name a new folder, or add --replace to put the new run in its place`,
      )
  }

  function saveOutputs(
    name: CaseName,
    outputs: Readonly<Record<string, Truth>>,
  ): Record<string, SavedOutput> {
    const place = `${name.model}/${name.scene}/${name.precision}-${name.engine}`
    return attempt(staging, () => {
      makeFolder(join(staging, place))
      return Object.fromEntries(
        Object.entries(outputs).map(([output, value]) => {
          if (typeof value === 'number') return [output, { value }]
          const file = `${place}/${output}.npy`
          const bytes = encodeNpy(value)
          writeFileSync(join(staging, file), bytes)
          return [output, { file, sha256: sha256(bytes) }]
        }),
      )
    })
  }

  function finish(run: RunRecord): void {
    attempt(staging, () => {
      makeFolder(staging)
      writeWhole(join(staging, fileName), `${honestJson(run)}\n`)
      // another run may have come there meanwhile
      refuseTaken()
      const old = beside('old')
      if (existsSync(target)) renameSync(target, old)
      renameSync(staging, target)
      remove(old)
    })
  }
}

function attempt<T>(staging: string, work: () => T): T {
  try {
    return work()
  } catch (cause) {
    try {
      remove(staging)
    } catch {
      // where nothing can be written, nothing is left
    }
    throw new DepthgateError(
      'write',
      `${staging}: the run cannot be saved (${messageOf(cause)}); nothing is left of it there. Make room or check permissions, or name another folder with --save`,
      { cause },
    )
  }
}

function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Tidies what a gate that was killed left: a run that was to be replaced comes back, a half-saved one goes. */
function removeKilled(parent: string): void {
  if (!existsSync(parent) || !statSync(parent).isDirectory()) return
  for (const entry of readdirSync(parent)) {
    const [, target, what, pid, host] = /^\.(.+)\.(run|old)-(\d+)(?:-(.+))?$/.exec(entry) ?? []
    if (target === undefined || !isAbandoned(join(parent, entry), Number(pid), host)) continue
    if (what === 'old' && !existsSync(join(parent, target)))
      renameSync(join(parent, entry), join(parent, target))
    else remove(join(parent, entry))
  }
}

/** Ids of the runs that a project keeps, oldest first. */
export function runIds(root: string): string[] {
  const folder = runsFolder(root)
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter(id => idPattern.test(id) && existsSync(join(folder, id, fileName)))
    .sort()
}

/** Removes the oldest runs under `.depthgate/runs`. */
export function forgetOldRuns(root: string): void {
  for (const id of runIds(root).slice(0, -kept)) remove(join(runsFolder(root), id))
}

/** A saved run with the folder that its arrays are relative to. */
export interface SavedRun {
  folder: string
  run: RunRecord
}

/** Reads a run: its folder or its run.json. Errors name the file and the way out. */
export function readRun(path: string): SavedRun {
  const file = statSync(path, { throwIfNoEntry: false })?.isDirectory() ? join(path, fileName) : path
  const text = Buffer.from(
    readSource(file, 'run', 'Name the folder of a saved run, such as .depthgate/runs/<id>'),
  ).toString('utf8')
  const data = parseJson(text, file, 'run')
  const version = (data as { schemaVersion?: unknown } | null)?.schemaVersion
  if (version !== undefined && version !== runVersion) {
    const by = (data as { header?: { depthgate?: unknown } }).header?.depthgate
    throw new DepthgateError(
      'run',
      `${file}: has schemaVersion ${JSON.stringify(version)}${typeof by === 'string' ? `, written by depthgate ${by}` : ''}; this depthgate reads ${runVersion}. ${typeof version === 'number' && version > runVersion ? 'Update depthgate' : 'Run the gate again'}`,
    )
  }
  return {
    folder: dirname(resolve(file)),
    run: withNumbers(validated<RunRecord>(runSchema, data, file, 'run')) as RunRecord,
  }
}

/** What an engine gave for one output, from a saved run; a file whose bytes changed is an error. */
export function readOutput(folder: string, saved: SavedOutput): Truth {
  if ('value' in saved) return saved.value
  const path = join(folder, saved.file)
  const bytes = readSource(path, 'run', 'Run the gate again with --save')
  if (sha256(bytes) !== saved.sha256)
    throw new DepthgateError(
      'run',
      `${path}: is not the file that was saved with this run. Run the gate again`,
    )
  return asDepthMap(parseNpy(bytes, path), path)
}
