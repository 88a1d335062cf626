import { fromHere } from '../report/phrase.ts'
import type { ReportRequest, WrittenReports } from '../report/reports.ts'
import { refuseSource, type Source } from './output.ts'

/** Throws where a report would take the place of what it is made from. */
export function refuseReports(requests: readonly ReportRequest[], sources: readonly Source[]): void {
  for (const { format, path } of requests)
    if (path !== undefined) refuseSource(sources, `--report ${format}`, path)
}

/** Says where reports are; workflow commands are lines of their own, with paths that GitHub knows. */
export function tellReports(
  { paths, commands, problems }: WrittenReports,
  say: (line: string) => void,
): void {
  for (const path of paths) say(`report: ${fromHere(path)}`)
  for (const command of commands) say(command)
  for (const problem of problems) console.error(`note: ${problem}`)
}
