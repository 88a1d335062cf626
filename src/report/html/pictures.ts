import { type ColormapName, colormap } from '../../depth/colormap.ts'
import { formatShape } from '../../depth/depth-map.ts'
import { figure } from '../../gate/figure.ts'
import type { MapVerdict } from '../../gate/verdict.ts'
import { unitOf } from '../../golden/kinds.ts'
import type { Scale } from '../case-pictures.ts'
import type { LoneView, MapView, OutputView } from './case-view.ts'
import { type Html, html } from './markup.ts'

interface DepthPictures {
  /** `model/scene output`, for those who cannot see the pictures. */
  name: string
  input: string | undefined
  map: MapView
  verdict: MapVerdict
}

/** A slider between golden and engine, the signed relative error, and each picture by itself; legends shared. */
export function depthPictures({ name, input, map, verdict }: DepthPictures): Html {
  const { width, height, panels, full } = map
  const shape = `--shape: ${width} / ${height}`
  const picture = (key: string, what: string) =>
    html`<img data-picture="${key}" alt="${name}: ${what}" width="${width}" height="${height}">`
  const stage = (content: Html) =>
    html`<div class="stage" style="${shape}">${content}<span class="marker" hidden></span></div>`
  const small = (key: string, what: string, path: string | undefined) =>
    html`<figure>${stage(picture(key, what))}<figcaption>${what}${path && html` <a href="${path}">full size</a>`}</figcaption></figure>`
  return html`<div class="pictures">
<div class="large">
<figure>${stage(html`${picture(panels.engine, 'engine')}<div class="left">${picture(panels.golden, 'golden')}</div><span class="line"></span>
<input type="range" class="slider" min="0" max="100" step="1" value="50" aria-label="${name}: golden to the left of this share of the width, engine to the right">`)}
<figcaption><span>◂ golden</span><span class="hint">drag, or arrow keys</span><span>engine ▸</span></figcaption>${depthLegend(map, verdict)}</figure>
<figure>${stage(picture(panels.error, 'signed relative error'))}
<figcaption><span>(engine − golden) / golden</span>${full && html` <a href="${full.error}">full size</a>`}</figcaption>${errorLegend(map)}</figure>
</div>
<div class="small">
${input && html`<figure>${stage(html`<img data-picture="${input}" alt="${name}: input" width="${width}" height="${height}">`)}<figcaption>input</figcaption></figure>`}
${small(panels.golden, 'golden', full?.golden)}
${small(panels.engine, 'engine', full?.engine)}
</div></div>`
}

/** Maps of which no pixel can be held against another, each by itself with its shape; and the scene's picture. */
export function apartPictures(
  name: string,
  input: string | undefined,
  { golden, engine }: NonNullable<OutputView['apart']>,
): Html {
  const seen = typeof golden === 'string' ? engine : golden
  const figureOf = (key: string, [height = 1, width = 1]: readonly number[], what: string, caption = what) =>
    html`<figure><div class="stage" style="--shape: ${width} / ${height}"><img data-picture="${key}" alt="${name}: ${what}" width="${width}" height="${height}"></div><figcaption>${caption}</figcaption></figure>`
  const side = (map: LoneView | string, what: string) =>
    typeof map === 'string'
      ? html`<p class="absent">No picture of the ${what}: ${map}.</p>`
      : figureOf(map.picture, map.shape, what, `${what}, ${formatShape(map.shape)}`)
  return html`<div class="apart">
${side(golden, 'golden')}
${side(engine, 'engine')}
${input && typeof seen === 'object' && figureOf(input, seen.shape, 'input')}
</div>`
}

function depthLegend({ scale }: MapView, { kind }: MapVerdict): Html {
  const unit = unitOf(kind) && ` ${unitOf(kind)}`
  const [far, near] = scale.limits.map(value => (scale.kind === 'inverse' ? value : 1 / value))
  return html`<div class="legend" role="img" aria-label="Colours from ${figure(far!)}${unit}, far, in dark blue to ${figure(near!)}${unit}, near, in dark red; magenta is no depth"><span class="turbo"></span><span>far ${figure(far!)}${unit}</span><span>near ${figure(near!)}${unit}</span></div>`
}

/** What a value below and above the golden's means. */
export function sides({ kind }: Scale): { under: string; over: string } {
  return kind === 'inverse' ? { under: 'farther', over: 'nearer' } : { under: 'nearer', over: 'farther' }
}

function errorLegend({ scale }: MapView): Html {
  const { under, over } = sides(scale)
  const percent = `${figure(scale.reach * 100)} %`
  return html`<div class="legend" role="img" aria-label="Colours from minus ${percent}, engine ${under}, in blue over white to plus ${percent}, engine ${over}, in red; magenta is not finite"><span class="red-blue"></span><span>−${percent} ${under}</span><span>0</span><span>+${percent} ${over}</span></div>`
}

/** The colour maps as custom properties of a style sheet. */
export function gradients(): string {
  const gradient = (name: ColormapName) => {
    const colours = colormap(name)
    const stops = Array.from({ length: 17 }, (_, i) => {
      const entry = 3 * Math.min(255, 16 * i)
      return `rgb(${colours.slice(entry, entry + 3).join(' ')})`
    })
    return `linear-gradient(to right, ${stops.join(', ')})`
  }
  return `:root { --turbo: ${gradient('turbo')}; --red-blue: ${gradient('redBlue')} }`
}
