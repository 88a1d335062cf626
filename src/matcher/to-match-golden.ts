import { DepthgateError } from '../base/errors.ts'
import { checkKeys } from '../base/options.ts'
import type { Precision } from '../engines/engine.ts'
import type { BaselineOutcome } from '../gate/baseline.ts'
import { checkedTolerance } from '../gate/check-tolerance.ts'
import { findModel, type LoadedConfig, loadConfig, type Model } from '../gate/config.ts'
import { type Inference, isInference } from '../gate/infer.ts'
import { type JudgedScene, judgeInference, judgeMapAlone } from '../gate/judge-scene.ts'
import { planRecord } from '../gate/plan-record.ts'
import type { Tolerance } from '../gate/tolerance.ts'
import { primaryOutput } from '../golden/kinds.ts'
import { readTruth } from '../golden/store.ts'
import { picturesOf, writeEvidence } from '../report/evidence.ts'
import { verdictText } from '../report/phrase.ts'
import { type BaselineState, matchBaseline } from './match-baseline.ts'
import { type CallState, refuseMisuse, refusePromise } from './misuse.ts'
import { keepMaps, noteVerdict, type RunningTest } from './note.ts'
import { receivedMap } from './received.ts'
import { mapsAreWanted } from './wanted.ts'

export interface MatchOptions {
  /** Limits over those of the config, for the maps. */
  tolerance?: Tolerance
  /** One byte a pixel, row-major; 0 leaves the pixel out. */
  mask?: Uint8Array
  /** For a plain array: which output of the golden it is; by default metric depth, else the first map. */
  output?: string
  /** For a plain array: whose limits hold; by default `fp32`. */
  precision?: Precision
}

/** Options alone for what infer() returned; the golden's name, `model/scene`, for a plain array. */
export type MatchArguments =
  | [options?: Pick<MatchOptions, 'tolerance' | 'mask'>]
  | [golden: string, options?: MatchOptions]

/** The part of Vitest's matcher state that is looked at. */
interface State extends BaselineState, CallState {
  task?: RunningTest
}

/**
 * `expect(await infer('pocket', { scene })).toMatchGolden()` or `expect(array).toMatchGolden('pocket/kitchen')`.
 * Synchronous, so that a forgotten `await` cannot let a test pass. Writes pictures when it fails, baselines as Vitest's
 * `--update` says, goldens never.
 */
export function toMatchGolden(
  this: State,
  received: unknown,
  ...args: MatchArguments
): { pass: boolean; message: () => string } {
  refuseMisuse(this, {
    name: 'toMatchGolden',
    call: 'expect(depth).toMatchGolden()',
    poll: 'an engine gives the same depth each time',
    not: 'a depth that must differ from PyTorch is no requirement. To see what a fault does, use `depthgate compare`',
  })
  const name = typeof args[0] === 'string' ? args[0] : undefined
  const options: MatchOptions = (typeof args[0] === 'object' ? args[0] : args[1]) ?? {}
  checkOptions(options)
  const config = loadConfig()
  const { model, ...judged } = isInference(received)
    ? judgeReceived(config, received, name, options)
    : judgeArray(config, received, name, options)
  const { verdict } = judged
  const evidence = verdict.pass ? {} : writeEvidence(config, model, judged)
  const pictures = picturesOf(config, evidence)
  // under a mask other pixels are measured than those whose figures were accepted
  const baseline =
    options.mask === undefined ? matchBaseline(this, config, model, verdict, pictures) : undefined
  leaveForReport(
    this.task,
    config,
    judged,
    { pictures, ...(baseline?.outcome && { baseline: baseline.outcome }) },
    isInference(received) ? received : undefined,
  )
  return {
    pass: verdict.pass && baseline?.pass !== false,
    message: () =>
      [verdictText(verdict, evidence), (baseline?.text ?? []).join('\n')].filter(Boolean).join('\n\n'),
  }
}

/** The verdict as a record of a run, for `depthgate/reporter`. */
function leaveForReport(
  test: RunningTest | undefined,
  config: LoadedConfig,
  { verdict, comparisons }: JudgedScene,
  { pictures, baseline }: { pictures: Record<string, string>; baseline?: BaselineOutcome },
  inference: Inference | undefined,
): void {
  if (!test) return
  const { model, scene, precision, pass } = verdict
  const name = { model, scene, precision, engine: inference?.engine ?? 'array' }
  const outputs =
    inference?.outputs ?? Object.fromEntries(comparisons.map(({ output, actual }) => [output, actual]))
  const plan = inference && planRecord(inference)
  const saved = mapsAreWanted() ? keepMaps(test, config, name, outputs) : undefined
  noteVerdict(test, config, {
    type: 'judged',
    ...name,
    milliseconds: inference?.milliseconds ?? Number.NaN,
    verdict,
    baseline: baseline ?? (pass ? { type: 'none', key: '', missing: [] } : { type: 'unjudged', key: '' }),
    ...(plan && { plan }),
    ...(saved && { outputs: saved }),
    ...(Object.keys(pictures).length > 0 && { pictures }),
  })
}

type Judged = JudgedScene & { model: Model }

/** Judges what infer() returned against the golden of its own scene. */
function judgeReceived(
  config: LoadedConfig,
  inference: Inference,
  golden: string | undefined,
  options: MatchOptions,
): Judged {
  const own = `${inference.model}/${inference.scene}`
  if (golden !== undefined && golden !== own)
    throw new DepthgateError(
      'matcher',
      `toMatchGolden(${JSON.stringify(golden)}): this depth is of ${own}. What infer() returns knows its golden: leave the name out`,
    )
  if (options.output !== undefined || options.precision !== undefined)
    throw new DepthgateError(
      'matcher',
      'toMatchGolden: `output` and `precision` are for plain arrays; what infer() returns knows both',
    )
  const model = findModel(config, inference.model)
  if (inference.depth !== inference.outputs[primaryOutput(model.judged)])
    throw new DepthgateError(
      'matcher',
      `toMatchGolden: \`depth\` was replaced in what infer() returned, but \`outputs\` is judged. Pass your own map by its name: toMatchGolden(${JSON.stringify(own)})`,
    )
  return { model, ...judgeInference(model, inference, options) }
}

/** Judges an array of unknown origin against the golden that the test names. */
function judgeArray(
  config: LoadedConfig,
  array: unknown,
  golden: string | undefined,
  options: MatchOptions,
): Judged {
  refusePromise(array, 'toMatchGolden', 'infer')
  const [modelName, scene, ...rest] = golden?.split('/') ?? []
  if (!modelName || !scene || rest.length > 0)
    throw new DepthgateError(
      'matcher',
      `toMatchGolden(${golden === undefined ? '' : JSON.stringify(golden)}): a plain array does not know its golden, name it: toMatchGolden('model/scene')`,
    )
  const model = findModel(config, modelName)
  const truth = readTruth(model.golden, scene, options.output ?? primaryOutput(model.judged))
  const map = receivedMap(array, typeof truth === 'number' ? [1, 1] : truth.shape)
  return { model, ...judgeMapAlone(model, scene, map, options) }
}

function checkOptions(options: MatchOptions): void {
  checkKeys(options, ['tolerance', 'mask', 'output', 'precision'], 'toMatchGolden')
  if (options.mask !== undefined && Object.prototype.toString.call(options.mask) !== '[object Uint8Array]')
    throw new DepthgateError(
      'matcher',
      'toMatchGolden: `mask` is a Uint8Array with one byte a pixel, 0 leaves the pixel out',
    )
  if (options.tolerance === undefined) return
  const { fovErrorDeg } = checkedTolerance(options.tolerance, 'toMatchGolden({ tolerance })')
  if (fovErrorDeg !== undefined)
    throw new DepthgateError(
      'matcher',
      'toMatchGolden: fovErrorDeg is no limit of a map; set it in the config, under the output that is the field of view',
    )
}
