import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Html, html, trusted } from './markup.ts'

/** A file of this folder, such as `report.css`. */
export function pageFile(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8')
}

interface Parts {
  title: string
  style: string
  body: Html
  script: string
}

/** A page that loads nothing: its policy forbids every request, and every script but its own. */
export function documentHtml({ title, style, body, script }: Parts): string {
  const hash = createHash('sha256').update(script).digest('base64')
  const policy = `default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>
${trusted(style)}
</style>
</head>
<body>
${body}
<script>${trusted(script)}</script>
</body>
</html>
`.text
}
