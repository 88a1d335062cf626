import { cpus } from 'node:os'
import { basename } from 'node:path'
import { inCi } from '../base/ci.ts'
import { version } from '../base/version.ts'
import type { LoadedConfig } from './config.ts'
import { findObsolete } from './obsolete.ts'
import { nameOf, type Plan } from './plan.ts'
import { summariseQuality } from './quality.ts'
import { type CaseRecord, type RunFilter, type RunHeader, type RunRecord, runVersion } from './run-record.ts'

interface Finished {
  id: string
  config: LoadedConfig
  plan: Plan
  filter: RunFilter | undefined
  started: Date
  records: CaseRecord[]
  /** Stopped before its plan was through. */
  partial: boolean
}

/** The record of a run that has ended: its facts, its cases, and what can only be said over all of them. */
export function finishRun({ id, config, plan, filter, started, records, partial }: Finished): RunRecord {
  const models = [...new Set(plan.cases.map(({ model }) => model))]
  const broken = plan.broken.length > 0 || records.some(({ type }) => type === 'broken')
  const whole = filter === undefined && !partial && !broken
  return {
    schemaVersion: runVersion,
    header: {
      id,
      depthgate: version,
      config: basename(config.file),
      started: started.toISOString(),
      ended: new Date().toISOString(),
      partial,
      ...(filter && { filter }),
      host: hostFacts(),
    },
    plan: plan.cases.map(nameOf),
    cases: records,
    quality: summariseQuality(records, model => config.config.models[model]?.truth?.keeps),
    broken: plan.broken,
    remarks: plan.remarks,
    obsolete: whole ? findObsolete(config, models, records) : [],
  }
}

/** Facts of this machine. */
export function hostFacts(): RunHeader['host'] {
  return {
    node: process.versions.node,
    platform: process.platform,
    arch: process.arch,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    ci: inCi(),
  }
}
