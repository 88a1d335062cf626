import { rmSync } from 'node:fs'
import { DepthgateError } from '../base/errors.ts'
import type { Engine, EngineRequest, Fingerprint } from '../engines/engine.ts'
import { withEngine, withEngineOnce } from '../engines/pool.ts'
import type { Model } from '../gate/config.ts'
import { inferOn, requestFor } from '../gate/infer.ts'
import { judgeInference } from '../gate/judge-scene.ts'
import type { Tolerance } from '../gate/tolerance.ts'
import type { OutputVerdict } from '../gate/verdict.ts'
import type { Arithmetic, MadeFormat, Recipe, Variants } from './variants.ts'

/** How near a scene comes to its limits. */
export interface SceneTrial {
  scene: string
  /** The share of each limit that is used, by `output metric`; Infinity where a value is not finite. */
  used: Readonly<Record<string, number>>
}

/** One set of precisions, run on some scenes. */
export type Trial = readonly SceneTrial[]

export type Look = (loaded: Engine, onnx: string) => Promise<void>

/** The scenes of a trial. */
export interface On {
  scenes: readonly string[]
  /** Whether the scenes after this one need not be run. */
  enough?: (scene: SceneTrial) => boolean
}

/** What trials are run on, whatever the engine. */
export interface Evaluator {
  /** Of the engine with the FP32 network: trials under another say nothing here. */
  fingerprint(): Promise<Fingerprint>
  /**
   * Runs a network as a recipe makes it, or in FP32, and holds it against the tolerance.
   * @param look may look at the loaded engine, and at the ONNX that it loaded, before both are let go
   * @param on by default every scene of the question
   */
  evaluate(recipe: Recipe | 'fp32', look?: Look, on?: On): Promise<Trial>
}

/** What is tried: every trial of one question has the same. */
export interface Question {
  model: Model
  /** Path of the FP32 ONNX. */
  onnx: string
  precision: MadeFormat
  engine: string
  /** How the engine computes fp16 and bf16: emulated where it is a CPU, unless this says otherwise. */
  arithmetic?: Arithmetic
  scenes: readonly string[]
  /** Over the config's limits of the precision. */
  tolerance?: Tolerance
}

/**
 * Evaluates by the same path as the gate: the variant is written, loaded by the engine, judged.
 * @param over in the place of what is configured
 */
export function engineEvaluator(
  question: Question,
  variants: Variants,
  over: Pick<Partial<EngineRequest>, 'fusion' | 'marks'> = {},
): Evaluator {
  const { model, onnx, precision, engine, scenes, tolerance } = question
  const emulated = variants.arithmetic === 'emulated'
  return {
    fingerprint: async () => withEngine(await request(), async ({ fingerprint }) => fingerprint),
    async evaluate(recipe, look, on = { scenes }) {
      const judgedAt = (file: string) => async (loaded: Engine) => {
        const trial = await judged(loaded, on)
        await look?.(loaded, file)
        return trial
      }
      if (recipe === 'fp32') return withEngine(await request(), judgedAt(onnx))
      const path = await variants.write(recipe)
      try {
        const made = { ...(await request()), onnx: path, emulated, precision }
        return await withEngineOnce(made, judgedAt(path))
      } catch (thrown) {
        // that file goes with the trial
        if (!(thrown instanceof DepthgateError)) throw thrown
        throw new DepthgateError(thrown.code, thrown.message.replaceAll(path, onnx), { cause: thrown })
      } finally {
        rmSync(path, { force: true })
      }
    },
  }

  /** Of the FP32 network. */
  async function request(): Promise<EngineRequest> {
    // a plan of the engine's own, and types that TensorRT chooses, are left aside: what is made here is what is tried
    const made = await requestFor(model, { scene: scenes[0]!, precision: 'fp32', engine }, {})
    return { ...made.request, ...over, onnx }
  }

  async function judged(loaded: Engine, on: On): Promise<Trial> {
    const found: SceneTrial[] = []
    for (const scene of on.scenes) {
      const inference = { ...(await inferOn(model, scene, loaded, { engine, source: onnx })), precision }
      const { verdict } = judgeInference(model, inference, tolerance === undefined ? {} : { tolerance })
      const used = verdict.outputs.map(output => usedOf(output, `${model.golden.folder}: scene ${scene}`))
      const trial: SceneTrial = { scene, used: Object.assign({}, ...used) }
      found.push(trial)
      if (on.enough?.(trial)) break
    }
    return found
  }
}

function usedOf(verdict: OutputVerdict, where: string): Record<string, number> {
  if (verdict.type === 'incomparable')
    throw new DepthgateError('explain', `${where}, output ${verdict.output}: ${verdict.reason}`)
  const broken = verdict.type === 'map' && verdict.counts.actualNonFinite > 0
  return Object.fromEntries(
    verdict.limits.map(({ name, used }) => [
      `${verdict.output} ${name}`,
      broken || Number.isNaN(used) ? Number.POSITIVE_INFINITY : used,
    ]),
  )
}

/** The limit that a trial uses most, over all scenes. */
export interface Worst {
  used: number
  scene: string
  limit: string
}

/** Scenes on which a value of the output is not finite. */
export function brokenScenes(trial: Trial): string[] {
  return trial
    .filter(({ used }) => Object.values(used).includes(Number.POSITIVE_INFINITY))
    .map(({ scene }) => scene)
}

export function worstOfTrial(trial: Trial): Worst {
  let worst: Worst = { used: Number.NEGATIVE_INFINITY, scene: '', limit: '' }
  for (const { scene, used } of trial)
    for (const [limit, share] of Object.entries(used))
      if (share > worst.used) worst = { used: share, scene, limit }
  return worst
}

/** Scenes that tell what nodes cost: where everything in the format does worst; where it breaks, each that it breaks. */
export function tellingScenes(trial: Trial): string[] {
  const broken = brokenScenes(trial)
  return broken.length > 0 ? broken : [worstOfTrial(trial).scene]
}

/** What FP32 uses of the limit that is used most, on some scenes. */
export function floorOn(fp32: Trial, scenes: readonly string[]): number {
  return worstOfTrial(fp32.filter(({ scene }) => scenes.includes(scene))).used
}
