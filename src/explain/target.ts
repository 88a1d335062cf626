import { DepthgateError, messageOf } from '../base/errors.ts'
import { sha256 } from '../base/files.ts'
import type { Engine } from '../engines/engine.ts'
import { statistics } from '../engines/statistics.ts'
import { unbuildable } from '../engines/unbuildable.ts'
import { readInput } from '../golden/store.ts'
import { hashOnnx } from '../onnx/hash.ts'
import { readModel } from '../onnx/model.ts'
import {
  type Evaluator,
  engineEvaluator,
  type Look,
  type Question,
  type Trial,
  type Worst,
  worstOfTrial,
} from './evaluator.ts'
import { type LayerMap, layerMap, nodeTimes } from './layer-map.ts'
import { Ledger } from './ledger.ts'
import { everywhere, isFull, type Levels, levelsText, recipeFor } from './levels.ts'
import { servedPlaces } from './served.ts'
import { ledgerFile } from './trials.ts'
import type { Unit } from './units.ts'
import type { Variants } from './variants.ts'

/** A set of levels as the target ran it. */
export interface Measured {
  trial: Trial
  /** Median of an inference in milliseconds, where the engine can be timed. */
  latency?: number
  /** Milliseconds by place, where layers were timed. */
  times?: Readonly<Record<string, number>>
  /** Seconds that the engine took to build it. */
  buildSeconds?: number
}

/** A set that the target could not build. */
export interface Unbuilt {
  /** The target's own words. */
  fault: string
}

/** What was built for one answer. */
export interface Builds {
  /** Sets of nodes that were tried. */
  sets: number
  /** Everything as the recipe says, and everything in FP32. */
  ends: number
  /** Points of a frontier. */
  frontier: number
  /** Of all those what this run had to build; the rest was known. */
  fresh: number
  /** What those took. */
  seconds: number
}

export interface TargetOptions {
  /** What a node costs nominally, by its place: the weight by which a layer's time is given to its nodes. */
  weightOf(place: string): number
  /** What a network that was run there came to. */
  onBuild?: (worst: Worst, run: number) => void
}

/**
 * The engine that an answer is for. Networks are built there, judged, and timed; each is remembered in a file, so that the
 * same question builds nothing twice, whatever happens in the middle.
 */
export class Target {
  readonly builds: Builds = { sets: 0, ends: 0, frontier: 0, fresh: 0, seconds: 0 }
  /** What a reader must know, such as why layers could not be timed. */
  readonly notes: string[] = []
  readonly #question: Question
  readonly #units: readonly Unit[]
  readonly #variants: Variants
  readonly #evaluator: Evaluator
  readonly #options: TargetOptions
  readonly #asked = new Set<string>()
  #ledger: Ledger<Measured> | undefined
  #run = 0

  constructor(question: Question, units: readonly Unit[], variants: Variants, options: TargetOptions) {
    this.#question = question
    this.#units = units
    this.#variants = variants
    this.#evaluator = engineEvaluator(question, variants)
    this.#options = options
  }

  /**
   * Everything as the recipe says. It is loaded each time: its engine tells which memory of earlier runs holds. What was
   * measured then counts, so that times that vary do not lead the same question to other sets.
   */
  async low(): Promise<Measured> {
    const levels = everywhere(this.#units, 'low')
    let known: Measured | undefined
    const isTimed = ({ fingerprint }: Engine) => {
      const network = { ...fingerprint, onnx: hashOnnx(this.#question.onnx) }
      this.#ledger = new Ledger(ledgerFile(this.#question, this.#variants, network, 'built-'))
      known = this.#ledger.get(keyOf(levels))
      return known !== undefined
    }
    const measured = await kept(this.#measure(levels, true, isTimed))
    if (!known) this.#ledger!.set(keyOf(levels), measured)
    this.#count(levels, 'ends')
    return known ?? measured
  }

  /** Everything in FP32; `low` comes first. */
  async full(): Promise<Measured> {
    const levels = everywhere(this.#units, 'full')
    return this.#once(levels, 'ends', () => kept(this.#measure(levels, true)))
  }

  /**
   * A set of levels; `low` comes first. That one cannot be built is not remembered: it may have been for want of memory that
   * something else held then.
   */
  async attempt(levels: Levels, what: 'sets' | 'frontier'): Promise<Measured | Unbuilt> {
    const started = performance.now()
    const unbuilt = (thrown: unknown): Unbuilt => {
      if (!unbuildable(thrown)) throw thrown
      this.builds.fresh++
      this.builds.seconds += (performance.now() - started) / 1000
      return { fault: messageOf(thrown) }
    }
    return this.#once(levels, what, () => kept(this.#measure(levels, false).catch(unbuilt)))
  }

  /** What is remembered of a set; else what a run comes to, which is remembered where it was measured. */
  async #once<Came extends Measured | Unbuilt>(
    levels: Levels,
    what: 'sets' | 'ends' | 'frontier',
    run: () => Promise<Came>,
  ): Promise<Measured | Came> {
    const known = this.#ledger!.get(keyOf(levels))
    const came = known ?? (await run())
    if (!known && !('fault' in came)) this.#ledger!.set(keyOf(levels), came)
    this.#count(levels, what)
    return came
  }

  #count(levels: Levels, what: 'sets' | 'ends' | 'frontier'): void {
    const key = levelsText(levels)
    if (!this.#asked.has(key)) this.builds[what]++
    this.#asked.add(key)
  }

  async #measure(
    levels: Levels,
    end: boolean,
    isTimed: (loaded: Engine) => boolean = () => false,
  ): Promise<Measured> {
    const found: Omit<Measured, 'trial'> = {}
    const recipe = isFull(levels) ? 'fp32' : recipeFor(this.#units, levels, this.#variants.base)
    const look: Look = async (loaded, onnx) => {
      const { plan } = loaded
      if (plan?.buildSeconds !== undefined) found.buildSeconds = plan.buildSeconds
      if (plan?.fresh) {
        this.builds.fresh++
        this.builds.seconds += plan.buildSeconds ?? 0
      }
      if (isTimed(loaded)) return
      await this.#noted('timed', async () => {
        const latency = await this.#latency(loaded)
        if (latency !== undefined) found.latency = latency
      })
      if (end && loaded.profile)
        await this.#noted('timed layer by layer', async () => {
          const map = await profiled(this.#question, loaded, onnx)
          found.times = Object.fromEntries(nodeTimes(map, this.#options.weightOf))
        })
    }
    const trial = await this.#evaluator.evaluate(recipe, look)
    this.#options.onBuild?.(worstOfTrial(trial), ++this.#run)
    return { trial, ...found }
  }

  /** Times are worth having, but a network that cannot be timed was judged all the same. */
  async #noted(what: string, time: () => Promise<void>): Promise<void> {
    try {
      await time()
    } catch (thrown) {
      if (!(thrown instanceof DepthgateError)) throw thrown
      this.notes.push(`could not be ${what}: ${thrown.message}`)
    }
  }

  /** As `bench` does it, replayed as one CUDA graph where there can be one. */
  async #latency({ time, fingerprint }: Engine): Promise<number | undefined> {
    if (!time) return undefined
    const { model, scenes } = this.#question
    const tensor = readInput(model.golden, scenes[0]!)
    const timed = async (graph: boolean) =>
      statistics(await time(tensor, { warmup: 0.2, seconds: 0.5, transfers: 'none', graph })).median
    if (fingerprint.engine !== 'tensorrt') return timed(false)
    try {
      return await timed(true)
    } catch (thrown) {
      if (thrown instanceof DepthgateError) return timed(false)
      throw thrown
    }
  }
}

/** A build that dies takes nothing with it. */
async function kept<Found>(run: Promise<Found>): Promise<Found> {
  try {
    return await run
  } catch (thrown) {
    if (!(thrown instanceof DepthgateError)) throw thrown
    throw new DepthgateError(
      thrown.code,
      `${thrown.message}\nWhat was built and tried before is kept: the same command goes on from there`,
      { cause: thrown },
    )
  }
}

function keyOf(levels: Levels): string {
  return sha256(levelsText(levels)).slice(0, 32)
}

/** Times the layers of a loaded plan on the first scene, and finds the nodes of the FP32 network that each stands for. */
export async function profiled(
  { model, onnx, precision, scenes }: Question,
  loaded: Engine,
  variant: string,
): Promise<LayerMap> {
  const times = await loaded.profile!(readInput(model.golden, scenes[0]!), { warmup: 5, runs: 25 })
  const places = servedPlaces(readModel(onnx).graph!, readModel(variant).graph!)
  return layerMap(variant === onnx ? 'fp32' : precision, times, places)
}
