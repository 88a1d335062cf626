import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import type { CaseName } from '../gate/run-record.ts'
import { table } from './table.ts'

/** What will be compared, in a line a model and engine: "pocket on cpu: fp32, fp16 × 14 scenes". */
export function planText(names: readonly CaseName[]): string[] {
  const groups = new Map<string, CaseName[]>()
  for (const name of names) {
    const key = `${name.model} on ${name.engine}`
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  const rows = [...groups].map(([key, cases]) => {
    const precisions = [...new Set(cases.map(({ precision }) => precision))]
    const scenes = new Set(cases.map(({ scene }) => scene)).size
    const every = scenes * precisions.length === cases.length
    return [
      `  ${key}`,
      precisions.join(', '),
      every ? `× ${plural(scenes, 'scene')}` : `${cases.length} of them`,
    ]
  })
  return [
    colors.bold(`plan: ${plural(names.length, 'comparison')}`),
    ...table(rows, ['left', 'left', 'left']),
  ]
}
