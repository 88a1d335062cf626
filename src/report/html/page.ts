import type { RunRecord } from '../../gate/run-record.ts'
import { byUrgency, headline } from '../words.ts'
import { caseHtml } from './case.ts'
import type { CaseView } from './case-view.ts'
import { documentHtml, pageFile } from './document.ts'
import { html, scriptJson } from './markup.ts'
import { filterHtml, headHtml, overviewHtml, qualityHtml, remarksHtml, speedHtml } from './overview.ts'
import { gradients } from './pictures.ts'

export interface PageInput {
  run: RunRecord
  title: string
  /** One for each case of the run. */
  views: readonly CaseView[]
  /** Key → data URI. */
  pictures: Readonly<Record<string, string>>
}

/** The report as one page. */
export function pageHtml({ run, title, views, pictures }: PageInput): string {
  const byRecord = new Map(views.map(view => [view.record, view]))
  const ordered = byUrgency(run.cases).map(record => byRecord.get(record)!)
  const { word, text } = headline(run)
  return documentHtml({
    title: `${word}: ${text} · ${title}`,
    style: `${gradients()}\n${pageFile('report.css')}`,
    script: pageFile('report.js') + pageFile('theme.js'),
    body: html`${headHtml(run, title)}
<main>
${overviewHtml(run.cases, record => byRecord.get(record)!.id)}
${remarksHtml(run)}
<section class="cases"><h2>Cases</h2>
<noscript><p>Pictures, the filter and the slider need JavaScript; everything else is here without it.</p></noscript>
${filterHtml(run.cases)}
<ol>${ordered.map(caseHtml)}</ol>
<p id="none" hidden>No case matches the filter.</p>
</section>
${qualityHtml(run)}
${speedHtml(run.cases)}
</main>
<script type="application/json" id="pictures">${scriptJson(pictures)}</script>`,
  })
}
