import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Explanation } from '../../explain/explain.ts'
import { unequal } from '../../explain/sensitivity.ts'
import { bodiesText, costRows, onCpu } from '../explain-text.ts'
import { documentHtml, pageFile } from '../html/document.ts'
import { type Html, html, scriptJson } from '../html/markup.ts'
import { themeButton } from '../html/overview.ts'
import { percent, worstText } from '../trial-line.ts'
import { pageData } from './data.ts'
import { magnitudeCharts, magnitudeKey } from './magnitude-chart.ts'

/** Where a precision loses, as one page without anything from outside: drawing, curve, magnitudes and every node. */
export function explainHtml(found: Explanation): string {
  const { model, precision } = found
  const title = `${model} at ${precision}`
  return documentHtml({
    title: `${title}: where it loses`,
    style: pageFile('report.css') + ownFile('explain.css'),
    script: `${library()}\n(() => {\n'use strict'\n${ownScript()}\n${pageFile('theme.js')}\n})()\n`,
    body: html`${headHtml(found, title)}
<main>
<noscript><p>The drawing, the curve and the table of all nodes need JavaScript.</p></noscript>
${networkHtml(precision)}
${found.nodes.length > 1 && driftHtml(found)}
${costsHtml(found)}
<section><h2>Magnitudes of the worst tensors</h2>
${magnitudeKey(precision)}
${magnitudeCharts(found)}</section>
${tableHtml(found)}
</main>
<script type="application/json" id="data">${scriptJson(pageData(found))}</script>`,
  })
}

function headHtml(
  { precision, engine, scenes, nodes, network, inBodies, low, fp32, trials, probed }: Explanation,
  title: string,
): Html {
  const passed = low.used <= 1
  return html`<header class="head ${passed ? 'passed' : 'failed'}">
<div class="verdict"><p class="badge">${percent(low.used)}</p><div><h1>${title}: where it loses</h1><p>all in ${precision}: ${worstText(low)} · all in FP32: ${worstText(fp32)}</p></div></div>
<dl>
<div><dt>nodes looked at</dt><dd>${nodes.length} of ${Math.max(network.length, nodes.length)}</dd></div>
<div><dt>scenes</dt><dd>${scenes.join(', ')}</dd></div>
<div><dt>judged on</dt><dd>${engine}</dd></div>
<div><dt>tensors</dt><dd>${onCpu(precision)}</dd></div>
${bodiesText(inBodies).map(text => html`<div><dt>control flow</dt><dd>${text}</dd></div>`)}
${probed && html`<div><dt>tensors on ${engine}</dt><dd>${probed.tensors} of ${probed.of}; with them kept whole ${worstText(probed.apart)}${probed.changed && ': looking changed the output, so the difference is fusion'}</dd></div>`}
<div><dt>trials</dt><dd>${trials.run} run, ${trials.remembered} known from before</dd></div>
</dl>
${themeButton()}
</header>`
}

/** One node is no curve. */
function driftHtml({ nodes, engine }: Explanation): Html {
  return html`<section><h2 id="drift-title">Drift along the network</h2>
<p class="key"><span class="swatch stroke accumulated"></span> accumulated <span class="swatch stroke local"></span> local${nodes.some(({ onEngine }) => onEngine) && html` <span class="swatch stroke engine"></span> accumulated on ${engine}`}; shares of FP32's root mean square, nodes in the order of the network. A click goes to the node.</p>
<div id="drift"></div><p id="drift-told" class="counts">&#160;</p></section>`
}

function networkHtml(precision: string): Html {
  return html`<section class="network"><h2>Network</h2>
<div class="tools">
<fieldset id="measures"><legend class="hidden">Coloured by</legend></fieldset>
<label class="text"><span>Find</span> <input id="find" type="search" placeholder="name, module, operator, #place"></label> <span id="found" role="status"></span>
<span class="zoom"><button type="button" id="fit">fit</button><button type="button" id="smaller" aria-label="zoom out">−</button><button type="button" id="larger" aria-label="zoom in">+</button><button type="button" id="fold">fold all</button></span>
</div>
<div class="row"><div id="drawing" tabindex="0" role="group" aria-label="The network as a drawing; the table of all nodes below tells the same" aria-describedby="drawing-hint"></div>
<aside id="panel" aria-label="What is chosen"></aside></div>
<p id="legend" class="key"></p>
<p id="drawing-hint" class="hint">Colours tell the worst node inside. Click a box to open or fold it; a stack is a block that repeats, its cells are the instances. Drag to move. The wheel zooms once the drawing was clicked; + − 0 and arrows work by key. Grey: ${precision} does not change it, or it was not looked at.</p>
</section>`
}

/** The dearest nodes, as the terminal tells them too. */
function costsHtml(found: Explanation): Html {
  const { precision, sensitivity } = found
  const odd = unequal(sensitivity.splits)
  return html`<section class="costs"><h2 id="costs-title">What a node costs</h2>
<p class="hint">Of the limit that is used most: the node alone in ${precision}, the rest in FP32, without what FP32 uses by itself; and the other way round.${odd.length > 0 && ` In ${odd.length} of ${sensitivity.splits.length} halvings squared errors did not add up: single figures there are no shares.`}</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="costs-title"><table>
<thead><tr><th scope="col">node</th><th scope="col">module or name</th><th scope="col" class="number">alone in ${precision}</th><th scope="col" class="number">alone in FP32</th></tr></thead>
<tbody>${costRows(found, 12).map(
    ({ unit, what, where }) =>
      html`<tr><th scope="row"><button type="button" class="link" data-go="${unit.nodes[0]!}">#${unit.nodes[0]!} ${what}</button></th><td>${where}</td><td class="number">${percent(unit.alone)}</td><td class="number">${unit.without === undefined ? '' : percent(unit.without)}</td></tr>`,
  )}</tbody></table></div></section>`
}

function tableHtml({ nodes }: Explanation): Html {
  const sums = nodes.some(node => node.sums !== undefined)
  const columns = [
    ...['place', 'operator', 'module or name', 'local'],
    ...(sums ? ['sums'] : []),
    ...['accumulated', 'largest', 'beyond rounding', 'cost'],
  ]
  return html`<section><h2 id="nodes-title">All nodes</h2>
<p class="hint">Local: the node alone in the format, from FP32's inputs. ${sums && 'Sums: what summing in FP16 adds to it. '}Accumulated: the network in the format up to it. Both against FP32, as shares of its root mean square. Cost: the node alone in the format, what the output then uses of its limits beyond FP32; "/ 4": four neighbours together.</p>
<p class="tools"><label class="text"><span>Find</span> <input id="search" type="search" placeholder="name, module, operator, #place"></label> <button type="button" id="blocks">by module</button> <span id="counted" role="status"></span></p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="nodes-title"><table id="nodes"><thead><tr>${columns.map(name => html`<th scope="col"${name === 'sums' && html` data-sums=""`}><button type="button">${name}</button></th>`)}</tr></thead></table></div></section>`
}

const ownFile = (name: string) => readFileSync(new URL(`page/${name}`, import.meta.url), 'utf8')

/** The page's modules as one script, each behind those that it imports. */
function ownScript(): string {
  return ['figures.js', 'layout.js', 'drawing.js', 'panel.js', 'drift.js', 'table.js']
    .map(name =>
      ownFile(name)
        .replaceAll(/^import [^;]*? from '[^']+'\n/gm, '')
        .replaceAll(/^export /gm, ''),
    )
    .join('\n')
}

/** dagre, which places the boxes (MIT), with its licence. */
function library(): string {
  const require = createRequire(import.meta.url)
  const folder = dirname(require.resolve('@dagrejs/dagre'))
  const file = (name: string) => readFileSync(join(folder, name), 'utf8')
  const code = file('dagre.min.js').replaceAll(/^\/(?:\*! For license|\/# sourceMapping).*\n?/gm, '')
  return `/*! dagre\n${file('dagre.min.js.LEGAL.txt').replaceAll(/\/\*|\*\//g, '')}*/\n${code}`
}
