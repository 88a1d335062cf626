import type { Level } from './levels.ts'
import { between, type Unit } from './units.ts'

/** One step up for one unit, what it takes off the squared error, and what it costs. */
export interface Step {
  unit: number
  level: Exclude<Level, 'low'>
  gain: number
  cost: number
}

/** What each unit's squared error is, and what each level costs more than `low`. */
export interface Weights {
  /** Squared error of the unit alone in the format. */
  low: readonly number[]
  /** The same at the level between that and FP32; of units that have one. */
  between: ReadonlyMap<number, number>
  cost(unit: number, level: Level): number
}

/** All steps, those first that take off most for what they cost; a unit's first step never comes after its second. Pure. */
export function stepsOf(units: readonly Unit[], { low, between: middle, cost }: Weights): Step[] {
  const steps = units.flatMap<Step>((its, unit) => {
    const all = low[unit]!
    const whole: Step = { unit, level: 'full', gain: all, cost: cost(unit, 'full') }
    const level = between(its)
    const left = middle.get(unit)
    if (!level || left === undefined) return [whole]
    const first: Step = { unit, level, gain: difference(all, left), cost: cost(unit, level) }
    const second: Step = { unit, level: 'full', gain: left, cost: whole.cost - first.cost }
    // where the level between takes nothing off, or less for their cost than FP32 as a whole, they are no step of their own
    return worth(first) > worth(second) ? [first, second] : [whole]
  })
  return steps.sort((a, b) => compare(worth(b), worth(a)) || a.cost - b.cost || a.unit - b.unit)
}

/** Error taken off by unit of cost; what costs nothing comes first. */
function worth({ gain, cost }: Step): number {
  return gain === 0 ? 0 : gain / Math.max(cost, 1e-15)
}

function difference(a: number, b: number): number {
  return a === b ? 0 : Math.max(0, a - b)
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a - b
}

/** The levels after some steps. */
export function levelsAfter(count: number, steps: readonly Step[]): Level[] {
  const levels: Level[] = Array.from({ length: count }, () => 'low')
  for (const { unit, level } of steps) if (levels[unit] !== 'full') levels[unit] = level
  return levels
}

/** How many steps leave a squared error of no more than `allowed`, if squares add up. Pure. */
export function predicted(steps: readonly Step[], allowed: number): number {
  let left = 0
  for (let taken = steps.length; taken > 0; taken--) {
    left += steps[taken - 1]!.gain
    if (!(left <= allowed)) return taken
  }
  return 0
}

/**
 * The fewest of the first steps with which `passes` says yes, found by halving from where it is expected; it says yes with
 * all of them and no with none.
 */
export async function fewest(
  count: number,
  guess: number,
  passes: (steps: number) => Promise<boolean>,
): Promise<number> {
  let [no, yes] = [0, count]
  let next = Math.min(count - 1, Math.max(1, guess))
  // where the guess is off it is off by little: the distance is doubled before it is halved
  let stride = 1
  let bounded = false
  while (yes - no > 1) {
    if (await passes(next)) yes = next
    else no = next
    const above = yes === next
    if (!bounded && (above ? no === 0 : yes === count)) {
      next = above ? Math.max(no + 1, yes - stride) : Math.min(yes - 1, no + stride)
      stride *= 2
    } else {
      bounded = true
      next = (no + yes) >> 1
    }
  }
  return yes
}

/**
 * Takes steps back wherever `passes` allows it: all of a list at once, else its halves, one after another with what the
 * halves before allowed.
 * @param dearest the units that are not `low`, those first that had best go
 */
export async function prune(
  levels: readonly Level[],
  dearest: readonly number[],
  betweenOf: (unit: number) => Level | undefined,
  passes: (levels: readonly Level[]) => Promise<boolean>,
): Promise<Level[]> {
  let now = [...levels]
  await lower(dearest)
  return now

  async function lower(units: readonly number[]): Promise<void> {
    if (units.length === 0) return
    if (await accept(units, 'low')) return
    const [unit] = units as [number, ...number[]]
    if (units.length === 1) {
      const level = betweenOf(unit)
      if (now[unit] === 'full' && level) await accept(units, level)
      return
    }
    const middle = units.length >> 1
    await lower(units.slice(0, middle))
    await lower(units.slice(middle))
  }

  async function accept(units: readonly number[], level: Level): Promise<boolean> {
    const chosen = new Set(units)
    const tried = now.map((old, unit) => (chosen.has(unit) ? level : old))
    if (!(await passes(tried))) return false
    now = tried
    return true
  }
}
