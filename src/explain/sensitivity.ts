/** What a group of units costs: it alone in the format, the rest in FP32. */
export interface Group {
  units: readonly number[]
  /** Share of the limit that is used most, with what FP32 uses by itself taken out; errors add up as their squares. */
  used: number
}

/** How far squares of errors add up where a group was halved. */
export interface Split {
  units: readonly number[]
  whole: number
  /** Root of the sum of the halves' squares. */
  parts: number
}

export interface Sensitivity {
  /** Every unit that was looked at is in one group; in the order of the network. */
  groups: Group[]
  splits: Split[]
}

export interface SensitivityOptions {
  /** Groups that use less than this share of a limit are not halved further. */
  negligible: number
  /** Halvings, two trials each. */
  splits: number
  /** How many units of a group go into its first half; by default half of them. */
  cut?: (units: readonly number[]) => number
}

/**
 * Finds what each unit costs in few trials: the group that costs most is halved, again and again, until every group costs
 * little or is one unit. Neighbours stay together, so that a group has few casts.
 * @param among units, or how many there are where all are meant
 * @param usedBy the share of a limit that is used with these units alone in the format
 * @param floor the share that FP32 uses
 */
export async function sensitivity(
  among: number | readonly number[],
  usedBy: (units: readonly number[]) => Promise<number>,
  floor: number,
  { negligible, splits: budget, cut = units => units.length >> 1 }: SensitivityOptions,
): Promise<Sensitivity> {
  const groupOf = async (units: readonly number[]): Promise<Group> => ({
    units,
    used: without(await usedBy(units), floor),
  })
  const groups = [await groupOf(typeof among === 'number' ? [...Array(among).keys()] : among)]
  const splits: Split[] = []
  while (splits.length < budget) {
    const next = dearest(groups.filter(({ units, used }) => units.length > 1 && used > negligible))
    if (!next) break
    const middle = cut(next.units)
    const halves = [await groupOf(next.units.slice(0, middle)), await groupOf(next.units.slice(middle))]
    splits.push({ units: next.units, whole: next.used, parts: Math.hypot(halves[0]!.used, halves[1]!.used) })
    groups.splice(groups.indexOf(next), 1, ...halves)
  }
  return { groups, splits }
}

function dearest(groups: readonly Group[]): Group | undefined {
  // of equals the largest: where everything overflows, halving large groups finds out most
  return groups.reduce<Group | undefined>(
    (a, b) => (!a || b.used > a.used || (b.used === a.used && b.units.length > a.units.length) ? b : a),
    undefined,
  )
}

function without(used: number, floor: number): number {
  return used === Number.POSITIVE_INFINITY ? used : Math.sqrt(Math.max(0, used ** 2 - floor ** 2))
}

/** Halvings whose parts do not add up to the whole: their squares differ by more than half. */
export function unequal(splits: readonly Split[]): Split[] {
  return splits.filter(({ whole, parts }) => {
    if (whole === parts) return false
    const ratio = (parts / whole) ** 2
    return !(ratio > 0.5 && ratio < 1.5)
  })
}
