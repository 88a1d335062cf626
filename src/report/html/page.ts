import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { RunRecord } from '../../gate/run-record.ts'
import { byUrgency, headline } from '../words.ts'
import { caseHtml } from './case.ts'
import type { CaseView } from './case-view.ts'
import { html, scriptJson, trusted } from './markup.ts'
import { filterHtml, headHtml, overviewHtml, qualityHtml, remarksHtml, speedHtml } from './overview.ts'
import { gradients } from './pictures.ts'

const own = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8')

export interface PageInput {
  run: RunRecord
  title: string
  /** One for each case of the run. */
  views: readonly CaseView[]
  /** Key → data URI. */
  pictures: Readonly<Record<string, string>>
}

/** The report as one page. It loads nothing: its policy forbids every request, and every script but its own. */
export function pageHtml({ run, title, views, pictures }: PageInput): string {
  const script = own('report.js')
  const hash = createHash('sha256').update(script).digest('base64')
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  const byRecord = new Map(views.map(view => [view.record, view]))
  const ordered = byUrgency(run.cases).map(record => byRecord.get(record)!)
  const { word, text } = headline(run)
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${word}: ${text} · ${title}</title>
<style>
${trusted(gradients())}
${trusted(own('report.css'))}
</style>
</head>
<body>
${headHtml(run, title)}
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
<script type="application/json" id="pictures">${scriptJson(pictures)}</script>
<script>${trusted(script)}</script>
</body>
</html>
`.text
}
