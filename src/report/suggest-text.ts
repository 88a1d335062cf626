import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import { figure } from '../gate/figure.ts'
import { headroom, type Suggestion } from '../gate/suggest.ts'
import { fail } from './phrase.ts'
import { table } from './table.ts'

/** The proposals with their reasons, and the lines of a config that would set them. */
export function suggestionText(suggestions: readonly Suggestion[], runs: number): string[] {
  const groups = new Map<string, Suggestion[]>()
  for (const item of suggestions) {
    const key = `${item.model} on ${item.engine}, ${item.output} at ${item.precision}`
    groups.set(key, [...(groups.get(key) ?? []), item])
  }
  return [
    ...[...groups].flatMap(([title, items]) => [colors.bold(title), ...rows(items), snippet(items), '']),
    `proposed = ${headroom.worst} × the worst of ${plural(runs, 'run')} + ${headroom.noise} × what one scene varies by between runs, rounded up to two digits,`,
    `and at least ${headroom.ofDefault * 100} % of the default limit: other machines and builds round otherwise. Nothing was written.`,
  ]
}

function rows(items: readonly Suggestion[]): string[] {
  const head = ['', 'metric', 'in force', 'proposed', 'because'].map(colors.dim)
  return table([head, ...items.map(item => cells(item))], ['left', 'left', 'right', 'right', 'left'])
}

function cells({ metric, inForce, proposed, worst, scene, noise, set, breaks }: Suggestion): string[] {
  const unit = typeof inForce === 'string' ? ' %' : ''
  const measured = `worst ${scene} ${figure(worst)}${unit}, varies by ${figure(noise)}${unit}`
  return [
    breaks ? fail() : ' ',
    metric,
    String(inForce),
    String(proposed),
    breaks
      ? `${measured}; breaks the limit in force: find out why before moving it`
      : set === 'floor'
        ? `${measured}: so little that the floor holds`
        : measured,
  ]
}

/** `depth: { tolerance: { fp16: { rmse: '0.12%', … } } },` */
function snippet(items: readonly Suggestion[]): string {
  const { output, precision } = items[0]!
  const limits = items.map(
    ({ metric, proposed }) => `${metric}: ${typeof proposed === 'number' ? proposed : `'${proposed}'`}`,
  )
  return colors.dim(`  ${output}: { tolerance: { ${precision}: { ${limits.join(', ')} } } },`)
}
