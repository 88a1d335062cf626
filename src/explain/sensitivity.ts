/** What a group of units costs: it alone in the format, the rest in FP32. */
export interface Group {
  units: readonly number[]
  /** Share of the limit that is used most, with what FP32 uses by itself taken out; errors add up as their squares. */
  used: number
  /** It was worth cutting, and no trial was left for that. */
  uncut?: true
}

/** How far squares of errors add up where a group was cut. */
export interface Split {
  units: readonly number[]
  whole: number
  /** Root of the sum of the parts' squares. */
  parts: number
}

export interface Sensitivity {
  /** Every unit that was looked at is in one group; in the order of the network. */
  groups: Group[]
  splits: Split[]
}

export interface SensitivityOptions {
  /** Groups that use less than this share of a limit are not cut further. */
  negligible: number
  /** Trials that may be run, that of all units together among them. */
  trials: number
  /** The parts that a group is cut into; by default four of one size. */
  cut?: (units: readonly number[]) => (readonly number[])[]
  /** What it is worth to tell a group's units apart, 0 where it is worth nothing; by default what they use. */
  worth?: (group: Group) => number
}

/**
 * Finds what each unit costs in few trials: the group that is worth it most is cut, again and again, until every group costs
 * little or is one unit. Neighbours stay together, so that a group has few casts.
 * @param among units, or how many there are where all are meant
 * @param usedBy the share of a limit that is used with these units alone in the format
 * @param floor the share that FP32 uses
 */
export async function sensitivity(
  among: number | readonly number[],
  usedBy: (units: readonly number[]) => Promise<number>,
  floor: number,
  { negligible, trials: budget, cut = quarters, worth = ({ used }) => used }: SensitivityOptions,
): Promise<Sensitivity> {
  const groupOf = async (units: readonly number[]): Promise<Group> => ({
    units,
    used: without(await usedBy(units), floor),
  })
  const groups = [await groupOf(typeof among === 'number' ? [...Array(among).keys()] : among)]
  const splits: Split[] = []
  for (let left = budget - 1; ; ) {
    const open = groups.filter(group => group.units.length > 1 && group.used > negligible && worth(group) > 0)
    const next = worthiest(open, worth)
    if (!next) break
    const cuts = cut(next.units)
    left -= cuts.length
    if (left < 0) {
      for (const group of open) group.uncut = true
      break
    }
    const parts: Group[] = []
    for (const units of cuts) parts.push(await groupOf(units))
    const together = Math.hypot(...parts.map(({ used }) => used))
    splits.push({ units: next.units, whole: next.used, parts: together })
    groups.splice(groups.indexOf(next), 1, ...parts)
  }
  return { groups, splits }
}

/** Trials of groups that are cut again tell little: with four parts there are few of those, and one culprit takes no more than by halving. */
function quarters(units: readonly number[]): (readonly number[])[] {
  const parts = Math.min(4, units.length)
  const start = (part: number) => Math.floor((units.length * part) / parts)
  return Array.from({ length: parts }, (_, part) => units.slice(start(part), start(part + 1)))
}

function worthiest(groups: readonly Group[], worth: (group: Group) => number): Group | undefined {
  let best: { group: Group; worth: number } | undefined
  for (const group of groups) {
    const its = worth(group)
    // of equals the largest: where everything overflows, cutting large groups finds out most
    if (!best || its > best.worth || (its === best.worth && larger(group, best.group)))
      best = { group, worth: its }
  }
  return best?.group
}

function larger(a: Group, b: Group): boolean {
  return a.units.length > b.units.length
}

function without(used: number, floor: number): number {
  return used === Number.POSITIVE_INFINITY ? used : Math.sqrt(Math.max(0, used ** 2 - floor ** 2))
}

/** Cuts whose parts do not add up to the whole: their squares differ by more than half. */
export function unequal(splits: readonly Split[]): Split[] {
  return splits.filter(({ whole, parts }) => {
    if (whole === parts) return false
    const ratio = (parts / whole) ** 2
    return !(ratio > 0.5 && ratio < 1.5)
  })
}

/** Groups by what they use, the most first. */
export function dearest(groups: readonly Group[]): Group[] {
  return [...groups].sort((a, b) => (a.used === b.used ? 0 : b.used - a.used))
}
