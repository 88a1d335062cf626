import { type DepthMap, formatShape, packed } from '../depth/depth-map.ts'

/** What a person should know of values that PyTorch gave for one output of a scene. Pure. */
export function valueRemarks(scene: string, output: string, map: DepthMap): string[] {
  const values = packed(map)
  let count = 0
  for (const value of values) if (!Number.isFinite(value)) count++
  return count === 0
    ? []
    : [
        `scene ${scene}, output ${output}: ${count} of ${values.length} values are NaN or infinite. No engine is compared there, and one that gives the same fails`,
      ]
}

/** As `valueRemarks`, of a map whose size is not its input's: right for a network that gives another size, else a mistake. Pure. */
export function sizeRemarks(
  scene: string,
  output: string,
  map: DepthMap,
  input: readonly number[],
): string[] {
  const [height, width] = map.shape
  // whatever the layout of a tensor, its height and width stand side by side
  if (input.some((length, i) => length === height && input[i + 1] === width)) return []
  return [
    `scene ${scene}, output ${output}: the map is ${formatShape(map.shape)}, the input ${formatShape(input)}. Right where the network gives another size than it takes; else check both files`,
  ]
}
