import type { Costs } from './costs.ts'
import type { Level, Levels } from './levels.ts'
import type { Survey } from './survey.ts'
import { between, type Unit } from './units.ts'

// What TensorRT has no kernel for is a mixture: it compiles a transformer as one, and within an activation or a softmax that is
// in FP32 in part its own code may not compile. Which part that is it does not tell: it names the first and the last of thousands.

/** Steps of products alone, which are summed in FP32, or not quantised: Casts around single nodes, in networks that are of one format otherwise. Pure. */
export function productsOnly({ units, found, steps }: Survey, costs: Costs): Survey {
  const taken = new Set<number>()
  const single = steps.flatMap(step => {
    const { unit } = step
    const level = between(units[unit]!)
    if (!level || taken.has(unit)) return []
    taken.add(unit)
    return [{ ...step, level, cost: costs.more(unit, level) }]
  })
  return { units, found, steps: single }
}

/**
 * Sets in which each module is of one format, in FP32 where a set has any part of it there; then the modules that hold those,
 * and so on up to the network. What has no module is one of its own. Pure.
 */
export function throughout(units: readonly Unit[], levels: Levels): Level[][] {
  const paths = units.map(({ module }) => ['', ...(module?.split('.') ?? ['(none)'])])
  const raised = paths.filter((_path, unit) => levels[unit] !== 'low')
  const depth = Math.max(0, ...raised.map(({ length }) => length))
  return Array.from({ length: depth }, (_, up) => {
    const holders = new Set(raised.map(path => path.slice(0, Math.max(1, path.length - up)).join('.')))
    return paths.map(path =>
      path.some((_part, end) => holders.has(path.slice(0, end + 1).join('.'))) ? 'full' : 'low',
    )
  })
}
