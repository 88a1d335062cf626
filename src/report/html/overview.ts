import { plural } from '../../base/plural.ts'
import { precisions } from '../../engines/engine.ts'
import type { CaseRecord, RunRecord } from '../../gate/run-record.ts'
import { speedPoints } from '../speed.ts'
import {
  byUrgency,
  durationText,
  headline,
  nearestLimit,
  type Status,
  sceneText,
  secondsOf,
  statuses,
  tally,
} from '../words.ts'
import { marginBar, speedChart } from './charts.ts'
import { type Html, html } from './markup.ts'

/** What the run comes to and what it was. */
export function headHtml(run: RunRecord, title: string): Html {
  const { header } = run
  const { outcome, word, text } = headline(run)
  const cause = mainCause(run.cases)
  return html`<header class="head ${outcome}">
<div class="verdict"><p class="badge">${word}</p><div><h1>${text}</h1><p>${title}${cause && html` · ${cause}`}</p></div></div>
<dl>
<div><dt>run</dt><dd>${header.id}</dd></div>
<div><dt>started</dt><dd><time datetime="${header.started}">${header.started.replace('T', ' ').slice(0, 16)} UTC</time></dd></div>
<div><dt>took</dt><dd>${durationText(secondsOf(run))}</dd></div>
<div><dt>machine</dt><dd>${header.host.cpu}, ${header.host.cores} cores, ${header.host.platform}</dd></div>
<div><dt>depthgate</dt><dd>${header.depthgate}</dd></div>
</dl>
${themeButton()}
</header>`
}

/** Chooses the page's colours; theme.js makes it work. */
export function themeButton(): Html {
  return html`<button type="button" id="theme"><span aria-hidden="true">◐</span> <span class="hidden">Colours:</span> <span id="theme-name">auto</span></button>`
}

/** The cause that most failures share. */
function mainCause(cases: readonly CaseRecord[]): string | undefined {
  const counts = new Map<string, number>()
  for (const record of cases)
    if (record.type === 'judged' && !record.verdict.pass && record.verdict.attribution)
      counts.set(record.verdict.attribution.cause, (counts.get(record.verdict.attribution.cause) ?? 0) + 1)
  const [first] = [...counts].sort(([, a], [, b]) => b - a)
  return first && `cause: ${first[0]}${counts.size > 1 ? ' and others' : ''}`
}

/** Counts and the worst case of every precision on every engine. */
export function overviewHtml(cases: readonly CaseRecord[], idOf: (record: CaseRecord) => string): Html {
  const engines = [...new Set(cases.map(({ engine }) => engine))]
  const rows = precisions.filter(precision => cases.some(record => record.precision === precision))
  return html`<section class="overview"><h2 id="overview">Precision and engine</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="overview"><table>
<thead><tr><td></td>${engines.map(engine => html`<th scope="col">${engine}</th>`)}</tr></thead>
<tbody>${rows.map(
    precision =>
      html`<tr><th scope="row">${precision}</th>${engines.map(engine =>
        cellHtml(
          cases.filter(record => record.precision === precision && record.engine === engine),
          precision,
          engine,
          idOf,
        ),
      )}</tr>`,
  )}</tbody></table></div></section>`
}

function cellHtml(
  cases: readonly CaseRecord[],
  precision: string,
  engine: string,
  idOf: (record: CaseRecord) => string,
): Html {
  const [worst] = byUrgency(cases)
  if (!worst) return html`<td class="none">–</td>`
  const counts = tally(cases)
  const status = statuses.find(name => counts[name] > 0)!
  const nearest = nearestLimit(worst)
  return html`<td class="${status}"><button type="button" class="cell" data-precision="${precision}" data-engine="${engine}" aria-label="Show ${precision} on ${engine} only: ${countsText(counts)}">${countsText(counts)}</button>
${nearest && html`${marginBar(nearest.used, nearest.used <= 1)}`}
<a href="#${idOf(worst)}"><span>${sceneText(worst)}</span>${nearest && html` <small>${Number.isFinite(nearest.used) ? nearest.text : 'not comparable'}</small>`}</a></td>`
}

function countsText(counts: Record<Status, number>): string {
  const words: Record<Status, string> = { fail: 'fail', broken: 'broken', pass: 'pass', skipped: 'skipped' }
  return statuses
    .filter(status => counts[status] > 0)
    .map(status => `${counts[status]} ${words[status]}`)
    .join(', ')
}

/** Speed against quality, where there are times of native kernels. */
export function speedHtml(cases: readonly CaseRecord[]): Html | false {
  const models = speedPoints(cases)
  return (
    models.size > 0 &&
    html`<section><h2>Speed and quality</h2><div class="speeds">${[...models].map(([model, points]) => speedChart(model, points))}</div>
<p class="counts">Each point is a variant: median time of one inference as it came in this run, which is no benchmark, and the mean relative error over the scenes. The line joins those that no other beats in both. Emulated precisions have no speed of their own and are left out.</p></section>`
  )
}

/** Task quality against ground truth, kept apart from fidelity to the golden. */
export function qualityHtml({ quality }: RunRecord): Html | false {
  const percent = (share: number) => `${(share * 100).toFixed(2)} %`
  return (
    quality.length > 0 &&
    html`<section><h2 id="quality">Task quality, against ground truth</h2><div class="scroll" tabindex="0" role="region" aria-labelledby="quality"><table>
<thead><tr><th scope="col">variant</th><th scope="col">scenes</th><th scope="col">δ₁ PyTorch</th><th scope="col">δ₁ engine</th><th scope="col">absRel PyTorch</th><th scope="col">absRel engine</th><th scope="col">kept</th></tr></thead>
<tbody>${quality.map(
      ({ model, output, precision, engine, scenes, goldenMean, engineMean, kept, tier, limit, pass }) =>
        html`<tr class="${pass ? '' : 'bad'}"><th scope="row">${model} ${output}, ${precision} on ${engine}</th><td class="number">${scenes}</td>
<td class="number">${goldenMean.delta1.toFixed(4)}</td><td class="number">${engineMean.delta1.toFixed(4)}</td><td class="number">${goldenMean.absRel.toFixed(4)}</td><td class="number">${engineMean.absRel.toFixed(4)}</td>
<td class="number">δ₁ ${percent(kept.delta1)}, absRel ${percent(kept.absRel)} <small>${tier === 0 ? 'below 99 %' : `keeps ${tier * 100} %`}${limit !== undefined && html`, asked ${limit * 100} %`}</small></td></tr>`,
    )}</tbody></table></div></section>`
  )
}

/** What a reader of the run must know beside its cases. */
export function remarksHtml({ header, plan, cases, broken, remarks, obsolete }: RunRecord): Html | false {
  const items = [
    ...(header.partial
      ? [
          html`<li class="bad">The run was ended early: ${cases.length} of ${plural(plan.length, 'case')} ran.</li>`,
        ]
      : []),
    ...broken.map(
      ({ model, error }) => html`<li class="bad">${model}<pre class="message">${error}</pre></li>`,
    ),
    ...(header.filter
      ? [
          html`<li>Only a part was run: ${Object.entries(header.filter)
            .map(([key, value]) => `${key} ${String(value)}`)
            .join('; ')}.</li>`,
        ]
      : []),
    ...remarks.map(remark => html`<li>${remark}</li>`),
    ...obsolete.map(
      ({ path, scene, why }) => html`<li>obsolete: ${path}${scene && html`, scene ${scene}`} (${why})</li>`,
    ),
  ]
  return items.length > 0 && html`<section><h2>Remarks</h2><ul class="remarks">${items}</ul></section>`
}

/** Text, status, precision and engine: what is shown of the cases. */
export function filterHtml(cases: readonly CaseRecord[]): Html {
  const counts = tally(cases)
  const options = (values: readonly string[]) =>
    [...new Set(values)].map(value => html`<option>${value}</option>`)
  return html`<form class="filter" role="search" aria-label="Filter the cases">
<label class="text"><span>Find</span><input type="search" id="find" placeholder="model, scene, reason" autocomplete="off"></label>
<fieldset><legend class="hidden">Status</legend>${statuses
    .filter(status => counts[status] > 0)
    .map(
      status =>
        html`<label class="chip ${status}"><input type="checkbox" name="status" value="${status}" checked> ${status} <b>${counts[status]}</b></label>`,
    )}</fieldset>
<label><span>Precision</span><select id="precision"><option value="">all</option>${options(cases.map(({ precision }) => precision))}</select></label>
<label><span>Engine</span><select id="engine"><option value="">all</option>${options(cases.map(({ engine }) => engine))}</select></label>
<p id="shown" role="status">${cases.length} of ${cases.length} shown</p>
</form>`
}
