import { attribute } from './attribute.ts'
import { findModel, loadConfig, sceneNames } from './config.ts'
import { type Inference, type InferOptions, inferModel } from './infer.ts'
import { judgeInference } from './judge-scene.ts'
import { type Timed, type TimeOptions, timeModel } from './time.ts'

/** The scenes of a model that has goldens, by name. */
export function scenes(model: string): string[] {
  return sceneNames(findModel(loadConfig(), model))
}

/**
 * Runs the engine of one precision on one scene of a model in depthgate.config.ts. Where the result breaks the config's
 * limits, or `attribute` asks for it, the corners are run as well, so that the matcher, which cannot wait, can name the
 * cause. A scene that passes costs one inference.
 */
export async function infer(
  model: string,
  { attribute: always, ...options }: InferOptions & { attribute?: boolean },
): Promise<Inference> {
  const found = findModel(loadConfig(), model)
  const inference = await inferModel(found, options)
  if (always === false) return inference
  // the matcher judges again: a test may have changed what it was given, or set limits of its own
  const { verdict } = judgeInference(found, inference)
  if (verdict.pass && !always) return inference
  const attribution = await attribute(found, inference, verdict)
  return attribution ? { ...inference, attribution } : inference
}

/**
 * Times one precision of a model in depthgate.config.ts, by the method of `depthgate bench`: what `toMeetBudget` takes.
 * Times are in milliseconds, of single inferences at the size of the scene. Rejects with a DepthgateError where an option is
 * unknown or no number, where the engine cannot be loaded, and where it starts anew for each scene and so has no time.
 * Nothing else should run meanwhile: keep such tests in a project without parallel files.
 */
export function time(model: string, options: TimeOptions = {}): Promise<Timed> {
  return timeModel(findModel(loadConfig(), model), options)
}
