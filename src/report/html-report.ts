import { basename } from 'node:path'
import { writeWhole } from '../base/files.ts'
import { earlierRuns, historyOf } from './history.ts'
import { viewCase } from './html/case-view.ts'
import { pageHtml } from './html/page.ts'
import { pictureStore } from './html/picture-store.ts'
import type { ReportSource } from './maps.ts'

/** Bytes that the pictures of a page may take, so that the page of a hundred cases stays below 30 MB. */
const budget = 22e6
/** Bytes a pixel of golden, engine, error and scene together, as base64 inside the page, where the error is all noise. */
const bytesPerPixel = 2.2
const [smallest, largest] = [96, 512]

/** Writes the report of a run as one page, with its pictures of full size in a folder beside it. */
export function writeHtmlReport(path: string, source: ReportSource): void {
  const { run, config } = source
  const store = pictureStore(path)
  const side = thumbnailSide(mapCount(source))
  const earlier = config ? earlierRuns(config, run) : []
  const views = run.cases.map((record, i) => ({
    ...viewCase(source, record, `case-${i + 1}`, side, store),
    history: historyOf(record, earlier),
  }))
  const title = config ? basename(config.root) : 'depthgate'
  writeWhole(path, pageHtml({ run, title, views, pictures: store.inside }))
}

function mapCount({ run }: ReportSource): number {
  return run.cases.reduce(
    (sum, record) =>
      sum +
      (record.type === 'judged' ? record.verdict.outputs.filter(({ type }) => type === 'map').length : 0),
    0,
  )
}

/** The longest side of a picture inside a page that shows so many maps. */
export function thumbnailSide(maps: number): number {
  const side = Math.floor(Math.sqrt(budget / bytesPerPixel / Math.max(1, maps)))
  return Math.min(largest, Math.max(smallest, side))
}
