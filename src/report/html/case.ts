import { figure } from '../../gate/figure.ts'
import { limitFigures } from '../../gate/limit-figures.ts'
import type { JudgedRecord } from '../../gate/run-record.ts'
import type { FovVerdict, LimitResult, MapVerdict, Verdict } from '../../gate/verdict.ts'
import { unitOf } from '../../golden/kinds.ts'
import { catalogue, type MetricName } from '../../metrics/index.ts'
import { changeText } from '../baseline-text.ts'
import type { Scale } from '../case-pictures.ts'
import type { ErrorFigures } from '../error-figures.ts'
import { countsWords } from '../phrase.ts'
import { planRows } from '../plan-words.ts'
import {
  boundText,
  nearestLimit,
  reasonOf,
  sceneText,
  signedPercent,
  statusOf,
  statusSign,
  usedText,
  valueText,
} from '../words.ts'
import type { CaseView, MapView, OutputView } from './case-view.ts'
import { attributionChart, errorChart, errorSummary, marginBar, sign } from './charts.ts'
import { type Html, html } from './markup.ts'
import { apartPictures, depthPictures, sides } from './pictures.ts'

/** One case: a line that tells what it came to, and behind it everything that is known. */
export function caseHtml(view: CaseView): Html {
  const { id, record } = view
  const status = statusOf(record)
  const nearest = nearestLimit(record)
  const words = [record.model, record.scene, record.precision, record.engine, reasonOf(record)].join(' ')
  return html`<li class="case ${status}" data-status="${status}" data-precision="${record.precision}" data-engine="${record.engine}" data-words="${words.toLowerCase()}">
<details id="${id}"><summary>
<span class="mark ${status}">${statusSign[status]} <span class="word">${status}</span></span>
<span class="name">${sceneText(record)}</span>
<span class="variant">${record.precision} <small>${record.engine}</small></span>
<span class="margin">${nearest && html`${marginBar(nearest.used, nearest.used <= 1)}<span class="margin-text">${Number.isFinite(nearest.used) ? usedText(nearest.used) : '—'}</span>`}</span>
<span class="reason">${status === 'pass' && nearest ? nearest.text : reasonOf(record)}</span>
</summary><div class="body">${bodyOf(view)}</div></details></li>`
}

function bodyOf(view: CaseView): Html {
  const { record } = view
  if (record.type === 'broken') return html`<pre class="message">${record.error}</pre>`
  if (record.type === 'skipped') return html`<p>${record.reason}</p>`
  const [first, ...rest] = view.outputs
  return html`${first && outputHtml(view, first, true)}
${attributionHtml(record.verdict)}
${rest.map(output =>
  output.verdict.pass
    ? html`<details class="more"><summary>${sign(true)} ${output.verdict.output} <span class="reason">${output.verdict.reason}</span></summary>${outputHtml(view, output, false)}</details>`
    : outputHtml(view, output, false),
)}
${baselineHtml(record)}
${historyHtml(view)}
${notesHtml(record.verdict)}
<div class="facts">${fingerprintHtml(record)}${planHtml(record)}</div>`
}

/** `told`: this is the output whose reason stands at the head of the case, and it brings the scene's picture. */
function outputHtml(view: CaseView, { verdict, map, apart }: OutputView, told: boolean): Html {
  const unit = unitOf(verdict.kind)
  const name = `${sceneText(view.record)} ${verdict.output}`
  return html`<div class="output" role="group" aria-label="${verdict.output}">
<h3>${sign(verdict.pass)} ${verdict.output}${unit && html` <small>${unit}</small>`}${!told && verdict.type !== 'incomparable' && html` <span class="reason">${verdict.reason}</span>`}</h3>
${typeof map === 'object' && depthPictures({ name, input: told ? view.input : undefined, map, verdict: verdict as MapVerdict })}
${verdict.type === 'incomparable' && html`<p>Not compared: ${verdict.reason}.</p>`}
${apart && apartPictures(name, told ? view.input : undefined, apart)}
${typeof map === 'string' && html`<p class="absent">No pictures: ${map}.</p>`}
<div class="columns">
${verdict.type !== 'incomparable' && limitsHtml(verdict)}
${typeof map === 'object' && distributionHtml(map.figures, map.scale, verdict as MapVerdict)}
${verdict.type === 'map' && worstHtml(verdict, typeof map === 'object' ? map : undefined, name)}
</div>
${verdict.type === 'map' && metricsHtml(verdict)}
</div>`
}

function limitsHtml(verdict: MapVerdict | FovVerdict): Html {
  return html`<div class="block limits"><h4>Limits</h4><table>
<thead><tr><th scope="col">metric</th><th scope="col">value</th><th scope="col">limit</th><th scope="col">used</th></tr></thead>
<tbody>${[...verdict.limits].sort(byUse).map(
    held => html`<tr class="${held.pass ? 'good' : 'bad'}"><th scope="row" title="${catalogue[held.name].title}">${sign(held.pass)} ${held.name}</th>
<td class="number">${valueText(limitFigures(held)[0], held.name, verdict.kind)}</td><td class="number">${boundText(held, verdict.kind)}</td>
<td class="used"><span>${marginBar(held.used, held.pass)}${usedText(held.used)}</span></td></tr>`,
  )}</tbody></table>
${verdict.type === 'fov' && html`<p>${figure(verdict.actual)}° instead of ${figure(verdict.golden)}°</p>`}
${verdict.type === 'map' && html`<p class="counts">${countsWords(verdict)}</p>`}</div>`
}

function byUse(a: LimitResult, b: LimitResult): number {
  return a.used === b.used ? 0 : b.used - a.used
}

function distributionHtml(figures: ErrorFigures | undefined, scale: Scale, verdict: MapVerdict): Html {
  if (!figures)
    return html`<div class="block"><h4>Error of the pixels</h4><p class="absent">Not told: the pixels that were judged are not known, because of a mask, of another golden, or of a run that an older depthgate saved.</p></div>`
  const { under, over } = sides(scale)
  return html`<div class="block"><h4>Error of the pixels</h4>${errorChart(figures, verdict.limits)}
<p class="key"><span class="swatch under"></span> engine ${under} <span class="swatch over"></span> engine ${over} <span class="swatch curve"></span> pixels with at most this error${verdict.limits.some(({ name }) => name === 'p99Rel') && html` <span class="swatch dash"></span> limit of p99Rel`}</p>
<p class="counts">${errorSummary(figures)}</p></div>`
}

function worstHtml(verdict: MapVerdict, map: MapView | undefined, name: string): Html | false {
  const unit = unitOf(verdict.kind) && ` ${unitOf(verdict.kind)}`
  const worst = map?.figures?.worst ?? (verdict.worst ? [verdict.worst] : [])
  if (worst.length === 0) return false
  return html`<div class="block worst"><h4>Worst pixels</h4><table>
<thead><tr><th scope="col">place</th><th scope="col">golden</th><th scope="col">engine</th><th scope="col">error</th></tr></thead>
<tbody>${worst.map(({ x, y, golden, actual, relative }) => {
    const place = `x ${x}, y ${y}`
    return html`<tr><th scope="row">${
      map
        ? html`<button type="button" class="place" aria-pressed="false" aria-label="Show ${place} of ${name} on the pictures" data-left="${((100 * (x + 0.5)) / map.width).toFixed(3)}" data-top="${((100 * (y + 0.5)) / map.height).toFixed(3)}">${place}</button>`
        : place
    }</th><td class="number">${figure(golden)}${unit}</td><td class="number">${figure(actual)}${unit}</td><td class="number">${signedPercent(relative)}</td></tr>`
  })}</tbody></table></div>`
}

/** Every metric, also those without a limit. */
function metricsHtml({ metrics, kind }: MapVerdict): Html {
  const names = Object.keys(metrics) as MetricName[]
  return html`<details class="more"><summary>All metrics</summary><table class="metrics">
<thead><tr><th scope="col">metric</th><th scope="col">value</th><th scope="col">meaning</th></tr></thead>
<tbody>${names.map(name => html`<tr><th scope="row">${name}</th><td class="number">${valueText(figure(metrics[name]), name, kind)}</td><td>${catalogue[name].title}</td></tr>`)}</tbody></table></details>`
}

function attributionHtml({ attribution, pass }: Verdict): Html | false {
  if (!attribution) return false
  return html`<section class="block attribution"><h4>${pass ? 'What each step adds' : html`Cause: ${attribution.cause}`}</h4>
${!pass && html`<p>${attribution.reason}</p>`}
${attributionChart(attribution)}
<p class="counts">Figures of ${attribution.output}; every run is held to the limits of the precision under test.</p></section>`
}

function baselineHtml({ baseline }: JudgedRecord): Html | false {
  if (baseline.type === 'unjudged') return false
  if (baseline.type === 'none')
    return html`<section class="block baseline"><h4>Baseline</h4><p>${baseline.stale ? 'The accepted one is of another golden or range' : 'None for this fingerprint'}: judged by the tolerance alone.</p></section>`
  const { by, date, reason } = baseline.accepted
  const changes = 'changes' in baseline ? baseline.changes : []
  const word = {
    unchanged: 'Within its margin of what was accepted',
    improved: 'Better than what was accepted by more than its margin: worth accepting',
    regressed: 'Worse than what was accepted by more than its margin',
  }[baseline.type]
  return html`<section class="block baseline ${baseline.type}"><h4>Baseline</h4><p>${word}. Accepted by ${by} on ${date.slice(0, 10)}${reason && html`: ${reason}`}.</p>
${changes.length > 0 && html`<ul>${changes.map(change => html`<li>${changeText(change)}</li>`)}</ul>`}</section>`
}

/** The limit used most, run after run. */
function historyHtml({ history = [], record }: CaseView): Html | false {
  const now = nearestLimit(record)
  if (history.length === 0 || !now) return false
  const rows = [
    ...history.map(({ started, nearest }) => ({
      when: `${started.slice(0, 16).replace('T', ' ')} UTC`,
      nearest,
    })),
    { when: 'this run', nearest: now },
  ]
  return html`<section class="block history"><h4>Run after run</h4><table>
<thead><tr><th scope="col">run</th><th scope="col">limit used most</th><th scope="col">used</th></tr></thead>
<tbody>${rows.map(({ when, nearest }) => html`<tr class="${nearest.used <= 1 ? 'good' : 'bad'}"><th scope="row">${when}</th><td>${nearest.text}</td><td class="used"><span>${marginBar(nearest.used, nearest.used <= 1)}</span></td></tr>`)}</tbody></table></section>`
}

function notesHtml({ notes }: Verdict): Html | false {
  return notes.length > 0 && html`<ul class="notes">${notes.map(note => html`<li>${note}</li>`)}</ul>`
}

/** Everything that changes numbers, as it stands in the record. */
function fingerprintHtml({ verdict: { fingerprint }, milliseconds }: JudgedRecord): Html {
  const rows = flat(fingerprint ?? { origin: 'a plain array; where it comes from is not known' })
  return html`<section class="block"><h4>Fingerprint</h4><dl class="fingerprint">${rows.map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}${Number.isFinite(milliseconds) && html`<div><dt>inference</dt><dd>${figure(milliseconds)} ms</dd></div>`}</dl></section>`
}

function planHtml({ plan }: JudgedRecord): Html | false {
  if (!plan) return false
  return html`<section class="block"><h4>TensorRT plan</h4><dl class="fingerprint">${planRows(plan).map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl></section>`
}

function flat(value: object, before = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, item]): [string, string][] =>
    item !== null && typeof item === 'object'
      ? flat(item, `${before}${key} `)
      : item === undefined
        ? []
        : [[before + key, String(item)]],
  )
}
