import { withNodes } from '../gate/recipe.ts'
import type { PlacedNode } from '../onnx/graph.ts'
import type { Unit } from './units.ts'
import type { Recipe } from './variants.ts'

/**
 * Where a unit is computed. `low`: as the recipe says. `sum`: in the format, its product summed in FP32. `rest`: not quantised,
 * but of the rest's format. `full`: in FP32.
 */
export type Level = 'low' | 'sum' | 'rest' | 'full'

/** One level a unit. */
export type Levels = readonly Level[]

export const everywhere = (units: readonly Unit[], level: Level): Level[] => units.map(() => level)

/** `otherwise` everywhere but at `chosen`, which are at `level`. */
export function levelsOf(
  units: readonly Unit[],
  chosen: Iterable<number>,
  level: Level,
  otherwise: Level,
): Level[] {
  const levels = everywhere(units, otherwise)
  for (const unit of chosen) levels[unit] = level
  return levels
}

/** Levels in one short text, the same for the same levels. */
export function levelsText(levels: Levels): string {
  return levels.map(level => level[0]).join('')
}

const height = { low: 0, sum: 1, rest: 1, full: 2 } as const

/** Each unit at the higher of two levels. */
export function higher(levels: Levels, others: Levels): Level[] {
  return levels.map((level, unit) => (height[others[unit]!] > height[level] ? others[unit]! : level))
}

/** Whether nothing is left in the format. */
export function isFull(levels: Levels): boolean {
  return levels.every(level => level === 'full')
}

/**
 * Whether anything is left in the format: a recipe for a network that is FP32 throughout, or that quantises nothing, is an
 * error where it is used.
 */
export function isReduced(units: readonly Unit[], levels: Levels): boolean {
  return units.some(({ quantized }) => quantized)
    ? units.some(({ quantized }, unit) => quantized && levels[unit] === 'low')
    : !isFull(levels)
}

/** The nodes of a unit that are not at `low`: in FP32 what moves a result goes along, else it is the product alone. */
export function nodesAt({ head, nodes }: Unit, level: Level): readonly PlacedNode[] {
  if (level === 'low') return []
  return level === 'full' ? nodes : [head]
}

/** The recipe that puts every unit where it is to be. Nodes are named by their places, which every node has. */
export function recipeFor(units: readonly Unit[], levels: Levels, base: Recipe): Recipe {
  const places = (level: Level) =>
    units.flatMap((unit, index) =>
      levels[index] === level ? nodesAt(unit, level).map(({ id }) => `#${id}`) : [],
    )
  return withNodes(base, { fp32: places('full'), sums: places('sum'), rest: places('rest') })
}
