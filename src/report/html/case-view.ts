import type { DepthMap } from '../../depth/depth-map.ts'
import type { CaseRecord, JudgedRecord } from '../../gate/run-record.ts'
import type { IncomparableVerdict, MapVerdict, OutputVerdict } from '../../gate/verdict.ts'
import { isFov } from '../../golden/kinds.ts'
import {
  coloursFor,
  paintDepth,
  paintInput,
  paintPanels,
  type Scale,
  scaleFor,
  stepFor,
} from '../case-pictures.ts'
import { type ErrorFigures, errorFigures } from '../error-figures.ts'
import type { PastCase } from '../history.ts'
import { type ReportSource, readEngine, readGolden, readPair, readScene } from '../maps.ts'
import type { PictureStore } from './picture-store.ts'

/** What a page shows of one map beside its verdict. */
export interface MapView {
  width: number
  height: number
  scale: Scale
  /** Absent where the pixels that count are not those that were judged: under a mask, which no run keeps. */
  figures?: ErrorFigures
  /** Keys of the pictures in the page. */
  panels: { golden: string; engine: string; error: string }
  /** Paths of the same pictures with every pixel, relative to the page; absent where the page's own have them. */
  full?: { golden: string; engine: string; error: string }
}

/** One map by itself, where it has no other of its size beside it. */
export interface LoneView {
  /** Rows × columns. */
  shape: readonly number[]
  /** Key of its picture in the page. */
  picture: string
}

export interface OutputView {
  verdict: OutputVerdict
  /** Of maps that could not be compared: each, or in words why it is not there. */
  apart?: { golden: LoneView | string; engine: LoneView | string }
  /** Maps and figures, or in words why there are none; absent for what is no map. */
  map?: MapView | string
}

/** A case ready to be shown: pictures painted, figures counted. The maps themselves are let go. */
export interface CaseView {
  /** Unique in the page. */
  id: string
  record: CaseRecord
  /** Key of the scene's picture. */
  input?: string
  /** What fails comes first, then maps as they stand. */
  outputs: OutputView[]
  /** The same case in earlier runs, oldest first. */
  history?: PastCase[]
}

/** Reads the maps of one case and paints them no larger than `side` into the store. */
export function viewCase(
  source: ReportSource,
  record: CaseRecord,
  id: string,
  side: number,
  store: PictureStore,
): CaseView {
  if (record.type !== 'judged') return { id, record, outputs: [] }
  const scene = readScene(source, record)
  const input = scene && paintInput(scene, side)
  const outputs = [...record.verdict.outputs]
    .sort((a, b) => rank(a) - rank(b))
    .map((verdict): OutputView => {
      if (verdict.type === 'incomparable' && !isFov(verdict.kind))
        return { verdict, apart: viewApart(source, record, verdict, side, store) }
      if (verdict.type !== 'map') return { verdict }
      return { verdict, map: viewMap(source, record, verdict, side, store) }
    })
  return { id, record, outputs, ...(input && { input: store.add(input.bytes, input.type) }) }
}

function rank({ pass, type, kind }: OutputVerdict): number {
  return (pass ? 10 : 0) + (type === 'fov' ? 2 : kind === 'metric-depth' ? 0 : 1)
}

function viewApart(
  source: ReportSource,
  record: JudgedRecord,
  { output, kind }: IncomparableVerdict,
  side: number,
  store: PictureStore,
): NonNullable<OutputView['apart']> {
  const [golden, engine] = [readGolden(source, record, output), readEngine(source, record, output)]
  const first = [golden, engine].find(map => typeof map !== 'string')
  const colours = first && coloursFor(first, kind)
  const view = (map: DepthMap | string): LoneView | string =>
    typeof map === 'string'
      ? map
      : {
          shape: map.shape,
          picture: store.add(paintDepth(map, stepFor(map.shape, side), colours!), 'image/png'),
        }
  return { golden: view(golden), engine: view(engine) }
}

function viewMap(
  source: ReportSource,
  record: JudgedRecord,
  verdict: MapVerdict,
  side: number,
  store: PictureStore,
): MapView | string {
  const pair = readPair(source, record, verdict.output)
  if (typeof pair === 'string') return pair
  const { golden, actual } = pair
  const figures = errorFigures(golden, actual, verdict.range)
  const [height = 0, width = 0] = golden.shape
  const scale = scaleFor(golden, verdict)
  const step = stepFor(golden.shape, side)
  const small = paintPanels(golden, actual, step, scale)
  const name = `${record.model}-${record.scene}-${record.precision}-${record.engine}-${verdict.output}`
  return {
    width,
    height,
    scale,
    ...(figures.compared === verdict.counts.compared && { figures }),
    panels: {
      golden: store.add(small.golden, 'image/png'),
      engine: store.add(small.engine, 'image/png'),
      error: store.add(small.error, 'image/png'),
    },
    ...(step > 1 && { full: store.beside(name, paintPanels(golden, actual, 1, scale)) }),
  }
}
