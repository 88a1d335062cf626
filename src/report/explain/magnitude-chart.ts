import type { Explanation } from '../../explain/explain.ts'
import type { Magnitudes } from '../../explain/magnitudes.ts'
import type { NodeError } from '../../explain/node-errors.ts'
import { figure } from '../../gate/figure.ts'
import { type Html, html } from '../html/markup.ts'

/** Magnitudes that a format can hold, as powers of two: its smallest, the smallest with all digits, and its end. */
const ranges: Partial<Record<Explanation['precision'], { least: number; normal: number; end: number }>> = {
  fp16: { least: -24, normal: -14, end: 16 },
  bf16: { least: -133, normal: -126, end: 128 },
}

const size = { width: 340, height: 150, left: 8, right: 8, top: 8, bottom: 34 }
const n = (value: number) => Number(value.toFixed(1))

/**
 * The tensors whose magnitudes are told, worst first: how large values are, and how large errors, over one logarithmic axis
 * that all of them share.
 */
export function magnitudeCharts({ nodes, precision }: Explanation): Html {
  const told = nodes.filter(node => node.magnitudes).sort((a, b) => b.local.relative - a.local.relative || 0)
  const ends = told.flatMap(({ magnitudes }) =>
    Object.values(magnitudes!).flatMap(({ first, counts }: Magnitudes) =>
      counts.length > 0 ? [first, first + counts.length] : [],
    ),
  )
  const range = ranges[precision]
  // no more than 60 powers of two below the largest: what is smaller still is gathered at the edge
  const to = Math.max(1, ...ends)
  const axis = { from: Math.max(Math.min(-1, ...ends), to - 60), to, ...(range && { range }) }
  return html`<ul class="magnitudes">${told.map(
    node => html`<li><h3><button type="button" class="link" data-go="${node.id}">#${node.id} ${node.operator}</button> <small>${node.module ?? node.label}</small></h3>
${chart(node, axis)}
<p class="counts">local ${figure(node.local.relative)}, accumulated ${figure(node.accumulated.relative)}${faultsText(node)}</p></li>`,
  )}</ul>`
}

interface Axis {
  from: number
  to: number
  range?: { least: number; normal: number; end: number }
}

function chart({ id, magnitudes, local }: NodeError, { from, to, range }: Axis): Html {
  const { full, local: alone, accumulated } = magnitudes!
  const shares = [full, alone, accumulated].map(part => gathered(part, from, to))
  const most = Math.max(...shares.flat(), 1e-9)
  const [x0, x1] = [size.left, size.width - size.right]
  const [y0, y1] = [size.height - size.bottom, size.top]
  const x = (power: number) =>
    n(x0 + ((x1 - x0) * (Math.min(to, Math.max(from, power)) - from)) / (to - from))
  const y = (share: number) => n(y0 - ((y0 - y1) * share) / most)
  const steps = (counts: readonly number[]) =>
    counts.map((share, i) => `${x(from + i)},${y(share)} ${x(from + i + 1)},${y(share)}`).join(' ')
  // a power of ten every so often, at whole places
  const [low, high] = [Math.ceil(from * Math.log10(2)), Math.floor(to * Math.log10(2))]
  const every = Math.max(1, Math.ceil((high - low) / 6))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) => low + i).filter(power => power % every === 0)
  const beyond =
    range &&
    [
      { name: 'gone', from, to: range.least },
      { name: 'subnormal', from: range.least, to: range.normal },
      { name: 'gone', from: range.end, to },
    ].filter(part => x(part.to) > x(part.from))
  return html`<svg class="chart" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="Magnitudes of #${id}: largest value ${figure(local.largest)}, zeros ${full.zeros}">
${beyond?.map(part => html`<rect class="${part.name}" x="${x(part.from)}" y="${y1}" width="${n(x(part.to) - x(part.from))}" height="${y0 - y1}"/>`)}
<polygon class="values" points="${x0},${y0} ${steps(shares[0]!)} ${x1},${y0}"/>
<polyline class="accumulated" points="${steps(shares[2]!)}"/>
<polyline class="local" points="${steps(shares[1]!)}"/>
${ticks.map(power => html`<line class="grid" x1="${x(power / Math.log10(2))}" x2="${x(power / Math.log10(2))}" y1="${y0}" y2="${y0 + 4}"/><text x="${x(power / Math.log10(2))}" y="${y0 + 16}" text-anchor="middle">${power === 0 ? '1' : html`10<tspan dy="-4" font-size="8">${power}</tspan>`}</text>`)}
<line class="base" x1="${x0}" x2="${x1}" y1="${y0}" y2="${y0}"/>
<text x="${x1}" y="${size.height - 4}" text-anchor="end">magnitude</text>
</svg>`
}

/** Shares of all values, a power of two a place; what lies before the axis is in its first. */
function gathered({ first, counts, zeros }: Magnitudes, from: number, to: number): number[] {
  const total = counts.reduce((sum, count) => sum + count, zeros) || 1
  const shares = new Array<number>(to - from).fill(0)
  for (const [i, count] of counts.entries()) shares[Math.max(0, first + i - from)]! += count / total
  return shares
}

function faultsText({ local }: NodeError): string {
  return [
    ...(local.overflowed > 0 ? [`, ${local.overflowed} overflow`] : []),
    ...(local.nan > 0 ? [`, ${local.nan} NaN`] : []),
    ...(local.flushed > 0 ? [`, ${local.flushed} to zero`] : []),
  ].join('')
}

/** What is what in those charts. */
export function magnitudeKey(precision: Explanation['precision']): Html {
  return html`<p class="key"><span class="swatch values"></span> values in FP32 <span class="swatch stroke local"></span> error of the node alone <span class="swatch stroke accumulated"></span> error of the network up to it${ranges[precision] && html` <span class="swatch subnormal"></span> ${precision} has fewer digits <span class="swatch gone"></span> beyond ${precision}`}. A step is a power of two; its height the share of the tensor's values.</p>`
}
