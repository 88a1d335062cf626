import { figure } from '../../gate/figure.ts'
import type { Attribution, LimitResult } from '../../gate/verdict.ts'
import { binBounds, type ErrorFigures } from '../error-figures.ts'
import { paretoFront, type SpeedPoint } from '../speed.ts'

import { type Html, html } from './markup.ts'

const n = (value: number) => Number(value.toFixed(2))

/** Where the limit stands on a bar; beyond it a bar grows ever slower and never leaves its place. */
const limitAt = 0.6

/** Share of a bar's length for a share of the limit. */
export function barLength(used: number): number {
  if (used <= 1) return limitAt * used
  return Number.isFinite(used) ? limitAt + (1 - limitAt) * (1 - 1 / used) : 1
}

/** A bar with a mark where the limit stands. */
export function marginBar(used: number, pass: boolean): Html {
  return html`<span class="bar ${pass ? 'good' : 'bad'}" style="--length: ${n(100 * barLength(used))}%"><i></i></span>`
}

const size = { width: 420, height: 190, left: 14, right: 42, top: 12, bottom: 36 }
const plot = {
  x0: size.left,
  x1: size.width - size.right,
  y0: size.height - size.bottom,
  y1: size.top,
}

/**
 * How many pixels have which relative error (bars, on a logarithmic axis; blue where the engine is below the golden, red
 * where it is above) and how many have at most that (line).
 */
export function errorChart(figures: ErrorFigures, limits: readonly LimitResult[]): Html {
  const bins = figures.under.map((count, i) => count + figures.over[i]!)
  const finite = figures.compared - figures.nonFinite
  const used = [...bins.keys()].filter(i => bins[i]! > 0)
  // whole decades around what there is, at least two
  const first = Math.floor((used[0] ?? 12) / 4) * 4
  const last = Math.max(first + 8, Math.ceil(((used.at(-1) ?? 16) + 1) / 4) * 4)
  const from = Math.max(0, Math.min(first, binBounds.length - 9))
  const to = Math.min(binBounds.length - 1, last)
  const x = (bin: number) => plot.x0 + ((plot.x1 - plot.x0) * (bin - from)) / (to - from)
  const most = Math.max(1, ...bins)
  const y = (share: number) => plot.y0 - (plot.y0 - plot.y1) * share
  const width = x(from + 1) - x(from)

  const bars = [...bins.keys()].slice(from, to).map(i => {
    const [near, far] = [figures.under[i]! / most, figures.over[i]! / most]
    return html`<rect class="under" x="${n(x(i) + 0.5)}" y="${n(y(near))}" width="${n(width - 1)}" height="${n(y(0) - y(near))}"/><rect class="over" x="${n(x(i) + 0.5)}" y="${n(y(near + far))}" width="${n(width - 1)}" height="${n(y(near) - y(near + far))}"/>`
  })
  let sum = figures.below
  const line = [`${n(x(from))},${n(y(share(sum)))}`]
  for (let i = from; i < to; i++) {
    sum += bins[i]!
    line.push(`${n(x(i + 1))},${n(y(share(sum)))}`)
  }
  const decades = (to - from) / 4
  const every = decades > 4 ? 2 : 1
  const ticks = Array.from({ length: Math.floor(decades / every) + 1 }, (_, i) => from + 4 * every * i)
  const bound = limits.find(({ name }) => name === 'p99Rel')
  const limitX =
    bound && plot.x0 + ((plot.x1 - plot.x0) * (4 * (Math.log10(bound.limit) + 7) - from)) / (to - from)
  const told = errorSummary(figures)
  return html`<svg class="chart" viewBox="0 0 ${size.width} ${size.height}" role="img" aria-label="Distribution of the relative error. ${told}">
${ticks.map(i => html`<line class="grid" x1="${n(x(i))}" x2="${n(x(i))}" y1="${plot.y1}" y2="${plot.y0}"/><text x="${n(x(i))}" y="${plot.y0 + 14}" text-anchor="${i === from ? 'start' : 'middle'}">${percentTick(binBounds[i]!)}</text>`)}
${[0, 0.5, 1].map(share => html`<text class="axis" x="${plot.x1 + 5}" y="${n(y(share) + 4)}">${share * 100} %</text>`)}
${bars}
<polyline class="cumulative" points="${line.join(' ')}"/>
${
  limitX !== undefined &&
  limitX >= plot.x0 &&
  limitX <= plot.x1 &&
  html`<line class="limit" x1="${n(limitX)}" x2="${n(limitX)}" y1="${plot.y1}" y2="${plot.y0}"/><circle class="limit" cx="${n(limitX)}" cy="${n(y(0.99))}" r="3"/>`
}
<line class="base" x1="${plot.x0}" x2="${plot.x1}" y1="${plot.y0}" y2="${plot.y0}"/>
<text class="axis" x="${(plot.x0 + plot.x1) / 2}" y="${size.height - 4}" text-anchor="middle">relative error of a pixel</text>
</svg>`

  function share(count: number): number {
    return finite === 0 ? 0 : count / finite
  }
}

/** "Of 49152 pixels half are off by less than 0.01 %, 99 % by less than 0.3 %; 3 are not finite." */
export function errorSummary(figures: ErrorFigures): string {
  const finite = figures.compared - figures.nonFinite
  const within = (wanted: number) => {
    let sum = figures.below
    if (sum >= wanted * finite) return percentTick(binBounds[0]!)
    for (let i = 0; i < figures.under.length; i++) {
      sum += figures.under[i]! + figures.over[i]!
      if (sum >= wanted * finite) return percentTick(binBounds[i + 1]!)
    }
    return percentTick(binBounds.at(-1)!)
  }
  const odd = figures.nonFinite > 0 ? `${figures.nonFinite} are not finite. ` : ''
  if (finite === 0) return `${odd}No pixel has a finite error.`
  return `${odd}Of ${finite} pixels half are off by at most ${within(0.5)}, 99 % by at most ${within(0.99)}.`
}

function percentTick(relative: number): string {
  return `${Number((relative * 100).toPrecision(2))} %`
}

/** The corners of an attribution: how far each is from the golden, and what its step adds. */
export function attributionChart({ corners, unit }: Attribution): Html {
  const finite = corners.flatMap(({ error, added }) => [error, added]).filter(Number.isFinite)
  const most = Math.max(Number.MIN_VALUE, ...finite)
  const length = (value: number) => n(Number.isFinite(value) ? (100 * value) / most : 100)
  return html`<table class="corners">
<thead><tr><th scope="col">run</th><th scope="col" class="wide">error (${unit}), <span class="added-word">added by the step</span></th><th scope="col">error</th><th scope="col">added</th></tr></thead>
<tbody>${corners.map(
    ({ precision, fusion, arithmetic, rest, pass, error, added }) => html`<tr>
<th scope="row">${sign(pass)} ${precision}${arithmetic === 'emulated' && ' emulated'}${rest && `, rest ${rest}`}, fusion ${fusion}</th>
<td class="wide"><span class="corner ${pass ? 'good' : 'bad'}" style="--error: ${length(error)}%; --added: ${length(added)}%"><i></i><b></b></span></td>
<td class="number">${figure(error)}</td><td class="number">${figure(added)}</td></tr>`,
  )}</tbody></table>`
}

export function sign(pass: boolean): Html {
  return pass
    ? html`<span class="sign good" role="img" aria-label="pass">✓</span>`
    : html`<span class="sign bad" role="img" aria-label="fail">✗</span>`
}

/** Time against error of every variant of one model; the line joins what nothing beats in both. */
export function speedChart(model: string, points: readonly SpeedPoint[]): Html {
  const box = { width: 560, height: 300, left: 66, right: 130, top: 16, bottom: 44 }
  const x = scale(
    points.map(({ milliseconds }) => milliseconds),
    box.left,
    box.width - box.right,
  )
  const y = scale(
    points.map(({ error }) => error),
    box.height - box.bottom,
    box.top,
  )
  const front = paretoFront(points)
  return html`<figure class="speed"><svg class="chart" viewBox="0 0 ${box.width} ${box.height}" role="img" aria-label="${model}: time against error. ${points.map(({ label, milliseconds, error }) => `${label}: ${figure(milliseconds)} ms, ${figure(error)}`).join('; ')}">
${x.ticks.map(tick => html`<line class="grid" x1="${n(x.at(tick))}" x2="${n(x.at(tick))}" y1="${box.top}" y2="${box.height - box.bottom}"/><text x="${n(x.at(tick))}" y="${box.height - box.bottom + 16}" text-anchor="middle">${figure(tick)}</text>`)}
${y.ticks.map(tick => html`<line class="grid" x1="${box.left}" x2="${box.width - box.right}" y1="${n(y.at(tick))}" y2="${n(y.at(tick))}"/><text x="${box.left - 6}" y="${n(y.at(tick) + 4)}" text-anchor="end">${figure(tick)}</text>`)}
<polyline class="front" points="${front.map(({ milliseconds, error }) => `${n(x.at(milliseconds))},${n(y.at(error))}`).join(' ')}"/>
${points.map(point => html`<circle class="point ${point.pass ? 'good' : 'bad'}" cx="${n(x.at(point.milliseconds))}" cy="${n(y.at(point.error))}" r="5"/><text class="label" x="${n(x.at(point.milliseconds) + 9)}" y="${n(y.at(point.error) + 4)}">${point.label}</text>`)}
<text class="axis" x="${(box.left + box.width - box.right) / 2}" y="${box.height - 6}" text-anchor="middle">milliseconds an inference (median)</text>
<text class="axis" x="${box.left}" y="${box.top - 5}" text-anchor="end">${points[0]!.unit}</text>
</svg><figcaption>${model}</figcaption></figure>`
}

/** A logarithmic axis with a margin; ticks at 1, 2 and 5 times powers of ten. */
function scale(values: readonly number[], start: number, end: number) {
  const logs = values.map(Math.log10)
  const [low, high] = [Math.min(...logs) - 0.1, Math.max(...logs) + 0.1]
  const at = (value: number) => start + ((end - start) * (Math.log10(value) - low)) / (high - low)
  const steps = high - low > 2 ? [1] : [1, 2, 5]
  const ticks: number[] = []
  for (let power = Math.floor(low); power <= Math.ceil(high); power++)
    for (const step of steps) {
      const tick = step * 10 ** power
      if (Math.log10(tick) >= low && Math.log10(tick) <= high) ticks.push(tick)
    }
  return { at, ticks }
}
