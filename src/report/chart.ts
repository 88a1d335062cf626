import { figure } from '../gate/figure.ts'
import { markup } from './escape.ts'

export interface Mark {
  x: number
  /** From 0 up, Infinity too: drawn on a logarithmic scale. */
  y: number
  /** Told when the pointer is on it. */
  label: string
  /** Drawn larger, with its label beside it. */
  told?: string
}

export interface Series {
  name: string
  /** A light one and a dark one are made of it. */
  hue: 'blue' | 'green'
  marks: readonly Mark[]
}

const size = { width: 760, height: 380, left: 64, right: 28, top: 44, bottom: 70 }
const inner = {
  width: size.width - size.left - size.right,
  height: size.height - size.top - size.bottom,
}

/** As the pages of depthgate; the picture brings its ground, so that it can be read wherever it is put. */
const style = `
svg { --ground: #fff; --ink: #1b1f23; --muted: #59616b; --rule: #dfe2e5; --bad: #b8232a; --blue: #2f6fb5; --green: #17713d }
@media (prefers-color-scheme: dark) {
  svg { --ground: #1b1f23; --ink: #e5e8eb; --muted: #a4adb8; --rule: #323940; --bad: #ff8a80; --blue: #6aa9e9; --green: #58c68a }
}
text { fill: var(--muted) } .ink { fill: var(--ink) } .ground { fill: var(--ground) } .grid { stroke: var(--rule) }
.bad { fill: var(--bad) } line.bad { stroke: var(--bad); stroke-dasharray: 5 4 }
.blue { fill: var(--blue) } .green { fill: var(--green) }
polyline { stroke-width: 1.5; stroke-linejoin: round } polyline.blue { fill: none; stroke: var(--blue) } polyline.green { fill: none; stroke: var(--green) }
`

/** Curves over a linear and a logarithmic axis as SVG, complete in itself. */
export function chart(series: readonly Series[], xTitle: string, yTitle: string, limit?: number): string {
  const all = series.flatMap(({ marks }) => marks)
  const y = logarithmic([...all.map(mark => mark.y), ...(limit === undefined ? [] : [limit])])
  const most = Math.max(...all.map(mark => mark.x), 1e-9)
  const xStep = roundStep(most / 6)
  const x = (value: number) => round(size.left + (inner.width * value) / most)
  const [right, foot] = [size.width - size.right, size.height - size.bottom]
  const rows = y.ticks.map(
    ({ at, text }) =>
      `<line class="grid" x1="${size.left}" x2="${right}" y1="${at}" y2="${at}" /><text x="${size.left - 8}" y="${at + 4}" text-anchor="end">${text}</text>`,
  )
  const columns = Array.from({ length: Math.floor(most / xStep + 1e-9) + 1 }, (_, i) => i * xStep).map(
    value =>
      `<line class="grid" x1="${x(value)}" x2="${x(value)}" y1="${size.top}" y2="${foot + 5}" /><text x="${x(value)}" y="${foot + 19}" text-anchor="middle">${figure(Number(value.toPrecision(3)))}</text>`,
  )
  // its word stands at the end that has no other
  const crowded = all.some(({ told, x: value }) => told && x(value) > right - 240)
  const [wordAt, anchor] = crowded ? [size.left + 8, 'start'] : [right, 'end']
  const limitLine =
    limit === undefined
      ? ''
      : `<line class="bad" x1="${size.left}" x2="${right}" y1="${y.at(limit)}" y2="${y.at(limit)}" /><text class="bad" x="${wordAt}" y="${y.at(limit) - 6}" text-anchor="${anchor}">limit with margin</text>`
  const curves = series.map(({ name, hue, marks }, index) => {
    const points = marks.map(mark => `${x(mark.x)},${y.at(mark.y)}`).join(' ')
    const key = `<circle class="${hue}" cx="${size.left + 5 + index * 190}" cy="${size.height - 14}" r="4.5" /><text class="ink" x="${size.left + 15 + index * 190}" y="${size.height - 10}">${markup(name)}</text>`
    return `<polyline class="${hue}" points="${points}" />${marks.map(mark => dot(mark, hue)).join('')}${key}`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="12">
<style>${style}</style>
<rect class="ground" width="${size.width}" height="${size.height}" rx="8" />
${rows.join('\n')}
${columns.join('\n')}
<text x="14" y="22">${markup(yTitle)}</text><text x="${right}" y="${foot + 38}" text-anchor="end">${markup(xTitle)}</text>
${limitLine}
${curves.join('\n')}
</svg>
`

  function dot(mark: Mark, hue: string): string {
    const [left, top] = [x(mark.x), y.at(mark.y)]
    const dotted = `<circle class="${hue}" cx="${left}" cy="${top}" r="${mark.told ? 6 : 3}"><title>${markup(mark.label)}</title></circle>`
    if (!mark.told) return dotted
    // a word that would leave the picture stands before its mark, or below it
    const late = left > size.width - 120
    const down = top < size.top + 12 ? 18 : -8
    return `${dotted}<text class="ink" font-weight="600" x="${late ? left - 10 : left + 10}" y="${top + down}" text-anchor="${late ? 'end' : 'start'}">${markup(mark.told)}</text>`
  }
}

/**
 * A scale of powers of ten over what is above 0 and finite, with 1, 2, 5 between where they are few; what is infinite has a
 * line above, what is 0 one below.
 */
function logarithmic(values: readonly number[]) {
  const finite = values.filter(value => value > 0 && Number.isFinite(value))
  const [infinite, none] = [Number.POSITIVE_INFINITY, 0].map(value => values.includes(value))
  const steps = (power: number) => [1, 2, 5].map(step => step * 10 ** power)
  const [least, most] = [Math.min(...finite, 1e300), Math.max(...finite, 1e-9)]
  const high = Math.ceil(Math.log10(most))
  const low = Math.max(high - 9, Math.min(high - 1, Math.floor(Math.log10(least))))
  const powers = Array.from({ length: high - low + 1 }, (_, i) => low + i)
  const all = high - low > 3 ? powers.map(power => 10 ** power) : powers.flatMap(steps)
  // from the last tick at or below everything to the first at or above
  const from = all.findLastIndex(tick => tick <= least * (1 + 1e-9))
  const to = all.findIndex(tick => tick >= most * (1 - 1e-9))
  const ticks = all.slice(Math.max(0, from), to === -1 ? undefined : to + 1)
  const [start, end] = [Math.log10(ticks[0]!), Math.log10(ticks.at(-1)!)]
  const apart = Math.max(0.3, (end - start) / 6)
  const [bottom, top] = [none ? start - apart : start, infinite ? end + apart : end]
  const height = (power: number) => round(size.top + (inner.height * (top - power)) / (top - bottom || 1))
  const at = (value: number) => height(value > 0 ? Math.min(top, Math.max(start, Math.log10(value))) : bottom)
  return {
    at,
    ticks: [
      ...(none ? [{ at: height(bottom), text: '0' }] : []),
      ...ticks.map(tick => ({ at: at(tick), text: figure(Number(tick.toPrecision(3))) })),
      ...(infinite ? [{ at: height(top), text: '∞' }] : []),
    ],
  }
}

/** 1, 2 or 5 times a power of ten, not below. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least))
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= least * (1 - 1e-9))!
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
