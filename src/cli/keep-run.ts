import { join } from 'node:path'
import { messageOf } from '../base/errors.ts'
import type { LoadedConfig } from '../gate/config.ts'
import type { JudgedRun } from '../gate/gate.ts'
import { nameOf } from '../gate/plan.ts'
import type { RunRecord } from '../gate/run-record.ts'
import { forgetOldRuns, type RunWriter, runsFolder, saveRun } from '../gate/run-store.ts'
import { checkPlace } from './output.ts'

interface Kept {
  /** The folder; by default one under `.depthgate/runs`. */
  save: string | undefined
  /** Whether a run that lies there goes. */
  replace: boolean
  /** Keeps nothing. */
  none: boolean
}

/**
 * Saves a run as it goes. Where that cannot be done, such as on a full disk, it is told once and the verdicts stand; a
 * folder that was asked for by name and cannot be begun is an error at once.
 */
export function keepRun({ root }: LoadedConfig, id: string, { save: folder, replace, none }: Kept) {
  if (folder !== undefined) checkPlace('--save', folder)
  const path = folder ?? join(runsFolder(root), id)
  let writer: RunWriter | undefined = none ? undefined : saveRun(path, { replace })
  const attempt = (work: (writer: RunWriter) => void): void => {
    if (!writer) return
    try {
      work(writer)
    } catch (thrown) {
      writer = undefined
      console.error(`note: ${messageOf(thrown)}`)
    }
  }
  return {
    /** Saves the maps of one case and says so in its record. */
    add: ({ case: item, record, outputs }: JudgedRun) =>
      attempt(writing => {
        record.outputs = writing.saveOutputs(nameOf(item), outputs)
      }),
    /** The folder of the finished run; undefined where it could not be kept. */
    finish: (run: RunRecord): string | undefined => {
      attempt(writing => writing.finish(run))
      if (writer && folder === undefined) forgetOldRuns(root)
      return writer?.folder
    },
  }
}
