import { DepthgateError } from '../base/errors.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import type { Precision } from '../engines/engine.ts'
import { isFov, primaryOutput } from '../golden/kinds.ts'
import { readTruth, type Truth } from '../golden/store.ts'
import { hasCorners } from './cause.ts'
import type { Model } from './config.ts'
import type { Inference } from './infer.ts'
import { type Comparison, judge } from './judge.ts'
import { resemblanceOf, resemblanceText } from './resemblance.ts'
import { type Tolerance, toleranceFor } from './tolerance.ts'
import type { OutputVerdict, Verdict } from './verdict.ts'

/** What a test may say at the call, over the config. */
export interface JudgeOptions {
  /** Limits for the maps that are judged, over the config's. */
  tolerance?: Tolerance
  /** One byte a pixel; 0 leaves the pixel out. */
  mask?: Uint8Array
}

/** A verdict together with the maps that it was made from, for pictures. */
export interface JudgedScene {
  verdict: Verdict
  comparisons: Comparison[]
}

/** What is judged of an inference: all but the time that it took. */
export type Judgeable = Pick<
  Inference,
  'scene' | 'precision' | 'engine' | 'fingerprint' | 'notes' | 'attribution' | 'outputs'
>

/** Judges everything that an engine produced for one scene: each output that the config does not ignore, with its own range and limits. */
export function judgeInference(model: Model, inference: Judgeable, options: JudgeOptions = {}): JudgedScene {
  const comparisons = Object.keys(model.judged).map(output =>
    comparison(model, inference.scene, output, inference.outputs[output], inference.precision, options),
  )
  const { scene, precision, engine, fingerprint, notes, attribution } = inference
  const judged = comparisons.map(judge)
  // of what has corners to run attribution tells more
  const outputs = hasCorners(model.config, { fingerprint, outputs: judged })
    ? judged
    : judged.map((verdict, i) => withMistake(verdict, comparisons[i]!))
  return {
    comparisons,
    verdict: {
      ...sum(outputs),
      model: model.name,
      scene,
      precision,
      engine,
      fingerprint,
      // a verdict that is judged again brings its notes along
      notes: [...new Set([...notes, ...coverageNotes(outputs)])],
      ...(attribution && { attribution }),
    },
  }
}

/** Throws where config or golden, and no engine, left an output with nothing to judge: that is no loss of accuracy. */
export function refuseUnjudged({ name, config, file }: Model, { scene, outputs }: Verdict): void {
  for (const verdict of outputs) {
    if (verdict.type !== 'incomparable') continue
    const { output, cause, reason } = verdict
    if (cause !== 'nothing-valid' && cause !== 'no-limit') continue
    const mend = config.outputs?.[output]?.range ? 'Correct its `range`' : 'Capture the golden again'
    throw new DepthgateError(
      'config',
      `${file}: model ${name}, scene ${scene}, output ${output}: ${reason}${cause === 'nothing-valid' ? `. ${mend}` : ''}`,
    )
  }
}

/** Judges one map of unknown origin against one output of a golden; by default the model's first map. */
export function judgeMapAlone(
  model: Model,
  scene: string,
  map: DepthMap,
  options: JudgeOptions & { output?: string; precision?: Precision } = {},
): JudgedScene {
  const precision = options.precision ?? 'fp32'
  const output = options.output ?? primaryOutput(model.judged)
  const comparisons = [comparison(model, scene, output, map, precision, options)]
  const outputs = comparisons.map(each => withMistake(judge(each), each))
  return {
    comparisons,
    verdict: { ...sum(outputs), model: model.name, scene, precision, notes: coverageNotes(outputs) },
  }
}

function comparison(
  model: Model,
  scene: string,
  output: string,
  actual: Truth | undefined,
  precision: Precision,
  { tolerance, mask }: JudgeOptions,
): Comparison {
  const golden = readTruth(model.golden, scene, output)
  const { kind } = model.golden.manifest.outputs[output]!
  const config = model.config.outputs?.[output]
  const isMap = !isFov(kind)
  return {
    output,
    kind,
    golden,
    actual,
    tolerance: toleranceFor(kind, precision, config?.tolerance?.[precision], isMap ? tolerance : undefined),
    ...(config?.range && { range: config.range }),
    ...(isMap && mask && { mask }),
  }
}

/** A verdict over so small a share of the pixels deserves a word, even where it passes. */
const fewPixels = 0.01

function coverageNotes(outputs: readonly OutputVerdict[]): string[] {
  return outputs.flatMap(output =>
    output.type === 'map' && output.metrics.coverage < fewPixels
      ? [
          `${output.output}: only ${output.counts.compared} of ${output.counts.pixels} pixels were compared; check the golden, its range and the mask`,
        ]
      : [],
  )
}

/** What maps of unknown origin are, where they fail for a mistake that can be recognised. */
function withMistake(verdict: OutputVerdict, comparison: Comparison): OutputVerdict {
  const found = verdict.pass ? undefined : resemblanceOf(comparison)
  return found ? { ...verdict, reason: `it is ${resemblanceText(found)}. ${verdict.reason}` } : verdict
}

function sum(outputs: OutputVerdict[]): Pick<Verdict, 'pass' | 'reason' | 'outputs'> {
  const failed = outputs.find(output => !output.pass)
  const told = failed ?? outputs.reduce((a, b) => (tightest(b) > tightest(a) ? b : a))
  return { pass: failed === undefined, reason: `${told.output}: ${told.reason}`, outputs }
}

function tightest(verdict: OutputVerdict): number {
  return verdict.type === 'incomparable' ? Infinity : Math.max(0, ...verdict.limits.map(limit => limit.used))
}
