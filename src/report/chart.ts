import { figure } from '../gate/figure.ts'
import { markup } from './escape.ts'

export interface Mark {
  x: number
  /** From 0 up, Infinity too: drawn on a scale of powers of ten. */
  y: number
  /** Told when the pointer is on it. */
  label: string
  /** Drawn larger, with its label beside it. */
  told?: string
}

export interface Series {
  name: string
  colour: string
  marks: readonly Mark[]
}

const size = { width: 760, height: 300, left: 70, right: 20, top: 16, bottom: 44 }

/** Curves over a linear and a logarithmic axis as SVG, complete in itself. */
export function chart(series: readonly Series[], xTitle: string, yTitle: string, limit?: number): string {
  const all = series.flatMap(({ marks }) => marks)
  const finite = [...all.map(({ y }) => y), ...(limit === undefined ? [] : [limit])].filter(
    y => y > 0 && Number.isFinite(y),
  )
  const infinite = all.some(({ y }) => y === Number.POSITIVE_INFINITY)
  // what is not finite has a line of its own above the largest that is
  const top = Math.ceil(Math.log10(Math.max(...finite, 1e-9))) + (infinite ? 1 : 0)
  const bottom = Math.max(top - 9, Math.min(top - 1, Math.floor(Math.log10(Math.min(...finite, 1)))))
  const most = Math.max(...all.map(({ x }) => x), 1e-9)
  const inner = {
    width: size.width - size.left - size.right,
    height: size.height - size.top - size.bottom,
  }
  const x = (value: number) => round(size.left + (inner.width * value) / most)
  const y = (value: number) => {
    const power = Math.min(top, Math.max(bottom, Math.log10(value)))
    return round(size.top + (inner.height * (top - power)) / (top - bottom))
  }
  const powers = Array.from({ length: top - bottom + 1 }, (_, i) => bottom + i)
  const grid = powers.map(
    power =>
      `<line x1="${size.left}" x2="${size.width - size.right}" y1="${y(10 ** power)}" y2="${y(10 ** power)}" stroke="#8884" /><text x="${size.left - 6}" y="${y(10 ** power) + 4}" text-anchor="end">${infinite && power === top ? '∞' : figure(10 ** power)}</text>`,
  )
  const limitLine =
    limit === undefined
      ? ''
      : `<line x1="${size.left}" x2="${size.width - size.right}" y1="${y(limit)}" y2="${y(limit)}" stroke="#c33" stroke-dasharray="5 4" /><text x="${size.width - size.right}" y="${y(limit) - 5}" text-anchor="end" fill="#c33">limit with margin</text>`
  const curves = series.map(({ name, colour, marks }, index) => {
    const points = marks.map(mark => `${x(mark.x)},${y(mark.y)}`).join(' ')
    const dots = marks.map(
      mark =>
        `<circle cx="${x(mark.x)}" cy="${y(mark.y)}" r="${mark.told ? 6 : 2.5}" fill="${colour}"><title>${markup(mark.label)}</title></circle>${mark.told ? `<text x="${x(mark.x) + 9}" y="${y(mark.y) - 7}">${markup(mark.told)}</text>` : ''}`,
    )
    return `<polyline points="${points}" fill="none" stroke="${colour}" stroke-width="1.5" />${dots.join('')}<text x="${size.left + 10 + index * 160}" y="${size.height - 6}" fill="${colour}">● ${markup(name)}</text>`
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" font-family="system-ui, sans-serif" font-size="11" fill="#888">
${grid.join('\n')}
<text x="${size.left}" y="11">${markup(yTitle)}</text><text x="${size.width - size.right}" y="${size.height - 24}" text-anchor="end">${markup(xTitle)}</text>
${limitLine}
${curves.join('\n')}
</svg>
`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
