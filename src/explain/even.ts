import type { Costs } from './costs.ts'
import type { Level, Levels } from './levels.ts'
import { between, type Unit } from './units.ts'

// What TensorRT has no kernel for is a mixture: it compiles a transformer as one, and where some of its products, or parts of
// an activation, are in FP32 and others are not, its own code may not compile. Which those are it does not tell: it names the
// first and the last of thousands of nodes.

/**
 * Sets in which all products of some operators are summed in FP32, or not quantised, and all else is in the format, the
 * cheapest first. Pure.
 */
export function byOperator(units: readonly Unit[], costs: Costs): Level[][] {
  const operators = [...new Set(units.filter(unit => between(unit)).map(({ operator }) => operator))]
  const some = operators.reduce<string[][]>(
    (sets, each) => sets.concat(sets.map(set => [...set, each])),
    [[]],
  )
  const costOf = (levels: Levels) => levels.reduce((sum, level, unit) => sum + costs.more(unit, level), 0)
  return some
    .slice(1)
    .map(set => units.map(unit => (set.includes(unit.operator) && between(unit)) || 'low'))
    .sort((a, b) => costOf(a) - costOf(b))
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
