import { resolve } from 'node:path'
import { plural } from '../base/plural.ts'
import { placedNodes } from '../onnx/graph.ts'
import { readModel } from '../onnx/model.ts'
import { fromHere } from '../report/phrase.ts'
import { table } from '../report/table.ts'

/** Every node of a model with its place and names. */
export function listText(source: string): string {
  return table(
    [...placedNodes(readModel(source).graph!)].map(({ node, id }) => [
      `#${id}`,
      node.opType,
      node.name || '(no name)',
      node.output.filter(name => name !== '').join(' '),
    ]),
    ['right', 'left', 'left', 'left'],
  ).join('\n')
}

/** What a conversion did. */
export interface Done {
  out: string
  files: string[]
  bytes: number
  reduced: number
  casts: number
  kept: { node: string; reason: string }[]
  ports: string[]
  stay: string[]
  clamped: { tensor: string; count: number }[]
  flushed: { tensor: string; count: number }[]
}

export function doneText(
  { files, bytes, reduced, casts, kept, ports, stay, clamped, flushed }: Done,
  format: string,
): string {
  const lines = [
    `${files.map(file => fromHere(resolve(file))).join(' and ')}: ${(bytes / 1e6).toFixed(1)} MB, ${plural(reduced, 'node')} in ${format}, ${plural(casts, 'cast')}`,
  ]
  if (kept.length > 0) {
    const byReason = new Map<string, string[]>()
    for (const { node, reason } of kept) byReason.set(reason, [...(byReason.get(reason) ?? []), node])
    for (const [reason, nodes] of byReason) lines.push(`stay FP32, ${reason}: ${some(nodes)}`)
  }
  if (ports.length > 0) lines.push(`inputs and outputs in ${format}: ${ports.join(', ')}`)
  if (stay.length > 0)
    lines.push(`inputs and outputs that stay float32, because something reads them so: ${stay.join(', ')}`)
  const counts = (tensors: Done['clamped']) =>
    some(tensors.map(({ tensor, count }) => `${count} in ${tensor}`))
  if (clamped.length > 0) lines.push(`weights beyond the largest ${format}, set to it: ${counts(clamped)}`)
  if (flushed.length > 0) lines.push(`weights below half of the smallest ${format}: ${counts(flushed)}`)
  return lines.join('\n')
}

function some(items: readonly string[]): string {
  return `${items.slice(0, 6).join(', ')}${items.length > 6 ? ` and ${items.length - 6} more` : ''}`
}
