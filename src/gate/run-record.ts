import type { Precision } from '../engines/engine.ts'
import type { BaselineOutcome } from './baseline.ts'
import type { Obsolete } from './obsolete.ts'
import type { PlanRecord } from './plan-record.ts'
import type { Verdict } from './verdict.ts'

/** Raised when a reader of this version could misread what is written. */
export const runVersion = 1

/** Which comparison: one scene of one model at one precision on one engine of the config. */
export interface CaseName {
  model: string
  scene: string
  precision: Precision
  /** The engine's name in the config. */
  engine: string
}

/** The test that judged a case, where one did. */
export interface TestPlace {
  name: string
  /** Relative to the config's folder, with `/`. */
  file: string
  /** From 1; absent where it is not known. */
  line?: number
}

/** What a run was asked for: absent where nothing was left out. */
export interface RunFilter {
  models?: string[]
  scenes?: string[]
  precisions?: string[]
  engines?: string[]
  /** A regular expression over `model/scene/precision/engine`. */
  grep?: string
}

/** Facts about a run as a whole. */
export interface RunHeader {
  /** Sorts by time: `20261124-214003-4f2a`. */
  id: string
  /** Version of depthgate. */
  depthgate: string
  /** The name of the config's file, without its folder. */
  config?: string
  /** ISO 8601, UTC. */
  started: string
  ended: string
  /** Ended before its plan, by Ctrl-C: some cases were never run. */
  partial: boolean
  filter?: RunFilter
  /** Facts of the machine that a reader of figures and times needs. */
  host: { node: string; platform: string; arch: string; cpu: string; cores: number; ci: boolean }
}

/** A file of the run's folder, with the hash of its bytes. */
export interface SavedFile {
  /** Relative to the folder of run.json, with `/`. */
  file: string
  sha256: string
}

/** What an engine gave for one output: a .npy beside run.json, or a number. */
export type SavedOutput = SavedFile | { value: number }

export type QualityMetric = 'delta1' | 'absRel'
export type QualityFigures = Record<QualityMetric, number>

/** How well one output of one scene agrees with ground truth: PyTorch beside the engine. */
export interface Quality {
  output: string
  /** The file of the truth, relative to the config's folder. */
  truth: string
  golden: QualityFigures
  engine: QualityFigures
}

/** Task quality of one variant over its scenes with ground truth: means over the scenes. */
export interface QualitySummary {
  model: string
  precision: Precision
  engine: string
  output: string
  scenes: number
  goldenMean: QualityFigures
  engineMean: QualityFigures
  /** Share of PyTorch's quality that the engine keeps; 1 keeps all, above 1 is better than PyTorch. */
  kept: QualityFigures
  /** The highest tier that every metric of `kept` reaches: 99.9 %, 99 %, or 0 below both. */
  tier: 0.999 | 0.99 | 0
  /** The share that the config asks for, if it asks. */
  limit?: number
  /** False only where a limit is set and not kept. */
  pass: boolean
}

export interface JudgedRecord extends CaseName {
  type: 'judged'
  /** Wall time of the inference alone, on a cold or warm session as it came. Not a benchmark. */
  milliseconds: number
  /** Fidelity: the engine against the PyTorch golden. */
  verdict: Verdict
  /** The engine against the figures accepted last. */
  baseline: BaselineOutcome
  /** What TensorRT made of the network. */
  plan?: PlanRecord
  /** Task quality, where the scene has ground truth. */
  quality?: Quality[]
  /** By output, where the run saved them. */
  outputs?: { [output: string]: SavedOutput }
  /** Pictures of a failure by output, relative to the config's folder. */
  pictures?: { [output: string]: string }
  /** Of a run of tests: the test that judged it. */
  test?: TestPlace
}

/** Broken by an error that is not about depth. */
export interface BrokenRecord extends CaseName {
  type: 'broken'
  error: string
}

/** Left out because an optional engine is not there. */
export interface SkippedRecord extends CaseName {
  type: 'skipped'
  reason: string
}

export type CaseRecord = JudgedRecord | BrokenRecord | SkippedRecord

/**
 * One run of the gate, as `run.json` holds it. In the file, numbers that JSON cannot write are the strings "NaN",
 * "Infinity" and "-Infinity"; `readRun` gives numbers back.
 */
export interface RunRecord {
  schemaVersion: typeof runVersion
  header: RunHeader
  plan: CaseName[]
  cases: CaseRecord[]
  /** Task quality by variant; empty where no scene has ground truth. */
  quality: QualitySummary[]
  /** Models that could not even be planned; of a run of tests, what failed without a verdict. */
  broken: { model: string; error: string; test?: TestPlace }[]
  /** Remarks about the goldens, such as files that a crash left behind. */
  remarks: string[]
  /** Goldens and baselines that a whole run did not need; empty under a filter. */
  obsolete: Obsolete[]
}

/** Whether a case lets the release through: it keeps its tolerance, and its baseline within the margin. */
export function passes(record: CaseRecord): boolean {
  return (
    record.type === 'skipped' ||
    (record.type === 'judged' && record.verdict.pass && record.baseline.type !== 'regressed')
  )
}

/**
 * What a whole run comes to: `broken` where something could not be compared, or nothing was; `failed` where a case or
 * the task quality breaks a limit; else `passed`. A partial run never passes.
 */
export function runOutcome(run: RunRecord): 'passed' | 'failed' | 'broken' | 'partial' {
  if (run.header.partial) return 'partial'
  const judged = run.cases.some(({ type }) => type === 'judged')
  if (!judged || run.broken.length > 0 || run.cases.some(({ type }) => type === 'broken')) return 'broken'
  return run.cases.every(passes) && run.quality.every(({ pass }) => pass) ? 'passed' : 'failed'
}

/** `model/scene/precision/engine`, as `--grep` and reports name a case. */
export function caseText({ model, scene, precision, engine }: CaseName): string {
  return `${model}/${scene}/${precision}/${engine}`
}
