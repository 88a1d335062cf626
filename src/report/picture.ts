import type { NdArray } from 'ndarray'
import { type ColormapName, colormap, paint } from '../depth/colormap.ts'
import { type DepthMap, packed } from '../depth/depth-map.ts'
import { preview, previewLimits } from '../depth/preview.ts'
import { figure } from '../gate/figure.ts'
import type { MapVerdict } from '../gate/verdict.ts'
import { isInverse, unitOf } from '../golden/kinds.ts'
import { Canvas, type Colour, textHeight, textWidth } from './canvas.ts'

const paper: Colour = [255, 255, 255]
const ink: Colour = [32, 32, 32]

/** A panel narrower than this is enlarged, so that its labels fit. */
const smallestPanel = 256

/**
 * Golden, engine and signed relative error side by side, with their legends and the worst pixel framed. Golden and
 * engine share one scale, so that a difference in colour is a difference in depth.
 */
export function comparisonPicture(
  title: string,
  golden: DepthMap,
  actual: DepthMap,
  verdict: MapVerdict,
): NdArray<Uint8Array> {
  const [height = 0, width = 0] = golden.shape
  const kind = isInverse(verdict.kind) ? 'inverse' : 'depth'
  const limits = previewLimits(golden, kind)
  const error = relativeError(golden, actual)
  const reach = errorReach(verdict)

  const zoom = Math.max(1, Math.ceil(smallestPanel / width))
  const type = Math.max(1, Math.round((width * zoom) / 384))
  const gap = 8 * type
  const line = textHeight(type) + gap
  const panel = { width: width * zoom, height: height * zoom }
  const caption = captionOf(verdict)
  const content = Math.max(3 * panel.width + 2 * gap, textWidth(caption, type), textWidth(title, type))
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
    ['golden (PyTorch)', preview(golden, kind, limits), 'turbo', ends],
    ['engine', preview(actual, kind, limits), 'turbo', ends],
    [
      '(engine - golden) / golden',
      paint(error, height, width, { map: 'redBlue', from: -reach, to: reach }),
      'redBlue',
      [`-${percent}`, `+${percent}`],
    ],
  ]
  for (const [i, [name, picture, map, labels]] of panels.entries()) {
    const left = gap + i * (panel.width + gap)
    canvas.text(left, gap + line, name, type, ink)
    canvas.draw(left, top, picture, zoom)
    frameWorst(canvas, left, top, zoom, type, verdict)
    const bar = top + panel.height + gap
    drawLegend(canvas, left, bar, panel.width, textHeight(type), map)
    canvas.text(left, bar + line, labels[0], type, ink)
    canvas.text(left + panel.width, bar + line, labels[1], type, ink, 'right')
    if (map === 'redBlue')
      canvas.text(left + Math.floor(panel.width / 2), bar + line, '0', type, ink, 'centre')
  }
  canvas.text(gap, top + panel.height + gap + 2 * line, caption, type, ink)
  return canvas.image
}

/** (engine − golden) / golden, NaN where either is not finite or the golden is not positive. */
function relativeError(golden: DepthMap, actual: DepthMap): Float32Array {
  const [g, a] = [packed(golden), packed(actual)]
  return Float32Array.from(g, (value, i) =>
    value > 0 && Number.isFinite(value) ? (a[i]! - value) / value : Number.NaN,
  )
}

/** The relative error that gets the deepest colour: the 99 % quantile, rounded up to 1, 2 or 5 times a power of ten. */
function errorReach({ metrics }: MapVerdict): number {
  const wanted = Math.min(10, Math.max(1e-7, Number.isFinite(metrics.p99Rel) ? metrics.p99Rel : 1))
  const power = 10 ** Math.floor(Math.log10(wanted))
  return power * (([1, 2, 5, 10] as const).find(step => step * power >= wanted) ?? 10)
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
  const [x, y, size] = [left + worst.x * zoom - around, top + worst.y * zoom - around, zoom + 2 * around]
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
