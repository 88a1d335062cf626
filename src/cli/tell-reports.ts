import { fromHere } from '../report/phrase.ts'
import type { WrittenReports } from '../report/reports.ts'

/** Says where reports are; workflow commands are lines of their own, with paths that GitHub knows. */
export function tellReports(
  { paths, commands, problems }: WrittenReports,
  say: (line: string) => void,
): void {
  for (const path of paths) say(`report: ${fromHere(path)}`)
  for (const command of commands) say(command)
  for (const problem of problems) console.error(`note: ${problem}`)
}
