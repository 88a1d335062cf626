/**
 * Cuts a group of neighbours in two: between two modules of PyTorch, the outermost ones near the middle, so that what is
 * told together belongs together; in the middle where no module is known. Pure.
 * @param units in the order of the network
 * @returns cuts some of them
 */
export function cutBetweenModules(
  units: readonly { module?: string }[],
): (group: readonly number[]) => [readonly number[], readonly number[]] {
  const paths = units.map(({ module }) => module?.split('.') ?? [])
  return group => {
    const middle = group.length >> 1
    const reach = group.length >> 2
    let best = middle
    let shared = Number.POSITIVE_INFINITY
    // from the middle outwards: of equal borders the nearest
    for (let step = 0; step <= reach; step++)
      for (const cut of [middle - step, middle + step]) {
        if (cut < 1 || cut >= group.length) continue
        const depth = sharedDepth(paths[group[cut - 1]!]!, paths[group[cut]!]!)
        if (depth < shared) [best, shared] = [cut, depth]
      }
    return [group.slice(0, best), group.slice(best)]
  }
}

/** How many modules two paths have in common from the outside in; two of one module have one more. */
function sharedDepth(a: readonly string[], b: readonly string[]): number {
  const differs = a.findIndex((part, depth) => part !== b[depth])
  if (differs >= 0) return differs
  return a.length === b.length ? a.length + 1 : a.length
}
