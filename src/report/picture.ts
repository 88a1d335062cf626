import type { NdArray } from 'ndarray'
import { type ColormapName, colormap, paint } from '../depth/colormap.ts'
import type { DepthMap } from '../depth/depth-map.ts'
import { preview, previewLimits } from '../depth/preview.ts'
import { figure } from '../gate/figure.ts'
import type { MapVerdict } from '../gate/verdict.ts'
import { isInverse, unitOf } from '../golden/kinds.ts'
import { Canvas, type Colour, textHeight, textWidth } from './canvas.ts'
import { errorReach, relativeError } from './panels.ts'

const paper: Colour = [255, 255, 255]
const ink: Colour = [32, 32, 32]

/** A panel smaller than this is enlarged, so that its labels fit; one larger is thinned out, so that pictures stay small. */
const smallestPanel = 256
const largestPanel = 768

/**
 * Golden, engine and signed relative error side by side, with their legends and the worst pixel framed. Golden and
 * engine share one scale, so that a difference in colour is a difference in depth. Of a map beyond 768 pixels every
 * n-th is shown; its error panel shows the largest error of each n × n.
 */
export function comparisonPicture(
  title: string,
  golden: DepthMap,
  actual: DepthMap,
  verdict: MapVerdict,
): NdArray<Uint8Array> {
  const [height = 0, width = 0] = golden.shape
  const step = Math.ceil(Math.max(height, width) / largestPanel)
  const kind = isInverse(verdict.kind) ? 'inverse' : 'depth'
  const [truth, engine] = [golden.step(step, step), actual.step(step, step)]
  const [rows = 0, columns = 0] = truth.shape
  const limits = previewLimits(truth, kind)
  const reach = errorReach(verdict)
  const error = paint(relativeError(golden, actual, step), rows, columns, {
    map: 'redBlue',
    from: -reach,
    to: reach,
  })

  const zoom = Math.max(1, Math.min(Math.ceil(smallestPanel / columns), Math.floor(largestPanel / rows)))
  const type = Math.max(1, Math.round((columns * zoom) / 384))
  const gap = 8 * type
  const line = textHeight(type) + gap
  const panel = { width: columns * zoom, height: rows * zoom }
  const errorTitle = '(engine - golden) / golden'
  const column = Math.max(panel.width, textWidth(errorTitle, type))
  const caption = captionOf(verdict)
  const content = Math.max(3 * column + 2 * gap, textWidth(caption, type), textWidth(title, type))
  const top = gap + 2 * line
  const canvas = new Canvas(top + panel.height + gap + 2 * line + line, content + 2 * gap, paper)

  canvas.text(gap, gap, title, type, ink)
  const unit = unitOf(verdict.kind)
  const [far, near] = limits.map(value => (kind === 'inverse' ? value : 1 / value))
  const ends: [string, string] = [
    `far ${figure(far!)} ${unit}`.trim(),
    `near ${figure(near!)} ${unit}`.trim(),
  ]
  const percent = `${figure(reach * 100)} %`
  const panels: [string, NdArray<Uint8Array>, ColormapName, [string, string]][] = [
    ['golden (PyTorch)', preview(truth, kind, limits), 'turbo', ends],
    ['engine', preview(engine, kind, limits), 'turbo', ends],
    [errorTitle, error, 'redBlue', [`-${percent}`, `+${percent}`]],
  ]
  for (const [i, [name, picture, map, labels]] of panels.entries()) {
    const left = gap + i * (column + gap)
    canvas.text(left, gap + line, name, type, ink)
    canvas.draw(left, top, picture, zoom)
    frameWorst(canvas, left, top, zoom / step, type, verdict)
    const bar = top + panel.height + gap
    drawLegend(canvas, left, bar, column, textHeight(type), map)
    canvas.text(left, bar + line, labels[0], type, ink)
    canvas.text(left + column, bar + line, labels[1], type, ink, 'right')
    if (map === 'redBlue') canvas.text(left + Math.floor(column / 2), bar + line, '0', type, ink, 'centre')
  }
  canvas.text(gap, top + panel.height + gap + 2 * line, caption, type, ink)
  return canvas.image
}

function frameWorst(
  canvas: Canvas,
  left: number,
  top: number,
  zoom: number,
  line: number,
  { worst }: MapVerdict,
): void {
  if (!worst) return
  const around = 3 * line
  const [x, y] = [left + Math.floor(worst.x * zoom) - around, top + Math.floor(worst.y * zoom) - around]
  const size = Math.max(1, Math.round(zoom)) + 2 * around
  canvas.frame(x, y, size, size, line, ink)
  // a light line outside the dark one: the frame must be seen on every colour
  canvas.frame(x - line, y - line, size + 2 * line, size + 2 * line, line, paper)
}

function drawLegend(
  canvas: Canvas,
  left: number,
  top: number,
  width: number,
  height: number,
  map: ColormapName,
): void {
  const colours = colormap(map)
  for (let x = 0; x < width; x++) {
    const entry = 3 * Math.round((255 * x) / Math.max(1, width - 1))
    canvas.fill(left + x, top, 1, height, [colours[entry]!, colours[entry + 1]!, colours[entry + 2]!])
  }
}

function captionOf({ worst, kind }: MapVerdict): string {
  if (!worst) return 'magenta: no finite value'
  const unit = unitOf(kind) && ` ${unitOf(kind)}`
  return `worst (framed): x ${worst.x} y ${worst.y}, golden ${figure(worst.golden)}${unit}, engine ${figure(worst.actual)}${unit}. magenta: no value`
}
