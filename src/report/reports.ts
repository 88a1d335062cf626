import { appendFileSync, existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { didYouMean } from '../base/names.ts'
import { annotations } from './annotations.ts'
import { writeHtmlReport } from './html-report.ts'
import { junitXml } from './junit.ts'
import type { ReportSource } from './maps.ts'
import { markdownSummary, summaryLimit } from './markdown.ts'

/** Formats that are files, with where they go unless a path is given, below the config's folder. */
const files = {
  html: '.depthgate/report/index.html',
  junit: '.depthgate/report/junit.xml',
  json: '.depthgate/report/run.json',
  markdown: '.depthgate/report/summary.md',
} as const

export type ReportFormat = keyof typeof files | 'github'
const formats = [...Object.keys(files), 'github'] as ReportFormat[]

export interface ReportRequest {
  format: ReportFormat
  /** By default a place under `.depthgate/report`. */
  path?: string
}

/** What is written where nothing is asked for. */
const unasked: readonly ReportRequest[] = [{ format: 'html' }]

/**
 * `['html', 'junit=out/junit.xml']` as requests; undefined means the page alone and `['none']` nothing at all. On GitHub
 * Actions annotations are added unless it is `none`.
 */
export function reportRequests(
  values: readonly string[] | undefined,
  env: NodeJS.ProcessEnv = process.env,
): ReportRequest[] {
  if (values?.includes('none')) {
    if (values.length === 1) return []
    throw new DepthgateError('usage', '--report none: stands alone, or leave it out')
  }
  const requests = values === undefined ? [...unasked] : values.map(requestOf)
  if (env.GITHUB_ACTIONS === 'true' && !requests.some(({ format }) => format === 'github'))
    requests.push({ format: 'github' })
  return requests
}

function requestOf(value: string): ReportRequest {
  const [, format = '', path] = /^([^=]*)(?:=(.*))?$/s.exec(value) ?? []
  if (!formats.includes(format as ReportFormat))
    throw new DepthgateError(
      'usage',
      `--report ${value}: ${JSON.stringify(format)} is unknown${didYouMean(format, formats)}`,
    )
  if (path === '' || (path !== undefined && format === 'github'))
    throw new DepthgateError(
      'usage',
      format === 'github'
        ? `--report ${value}: annotations go to the log; leave the path out`
        : `--report ${value}: the path is empty. Write ${format}=PATH, or ${format} alone`,
    )
  return { format: format as ReportFormat, ...(path !== undefined && { path }) }
}

export interface WrittenReports {
  /** Absolute paths of what was written. */
  paths: string[]
  /** Lines for the log: GitHub's workflow commands. */
  commands: string[]
  /** What could not be written, and why. The verdicts stand all the same. */
  problems: string[]
}

/**
 * Writes reports of a run. Paths of requests are relative to the working folder, those of defaults to the config's.
 * Where GitHub asks for a summary of the job, it gets one.
 */
export function writeReports(
  source: ReportSource,
  requests: readonly ReportRequest[],
  env: NodeJS.ProcessEnv = process.env,
): WrittenReports {
  const root = source.config?.root ?? process.cwd()
  const written: WrittenReports = { paths: [], commands: [], problems: [] }
  const attempt = (work: () => void): void => {
    try {
      work()
    } catch (thrown) {
      written.problems.push(messageOf(thrown))
    }
  }
  for (const { format, path } of requests)
    attempt(() => {
      if (format === 'github') written.commands.push(...annotations(source.run, source.config?.file))
      else {
        const target = path === undefined ? join(root, files[format]) : resolve(path)
        writers[format](target, source, root)
        written.paths.push(target)
      }
    })
  if (requests.length > 0 && env.GITHUB_STEP_SUMMARY)
    attempt(() => appendSummary(env.GITHUB_STEP_SUMMARY!, source))
  return written
}

const writers: Record<keyof typeof files, (path: string, source: ReportSource, root: string) => void> = {
  html: writeHtmlReport,
  junit: (path, { run }, root) => writeWhole(path, junitXml(run, root)),
  json: (path, { run }) => writeWhole(path, `${honestJson(run)}\n`),
  markdown: (path, { run }) => writeWhole(path, markdownSummary(run)),
}

/** Behind what others wrote in the same step: GitHub drops a summary that is too long altogether. */
function appendSummary(path: string, { run }: ReportSource): void {
  const taken = existsSync(path) ? statSync(path).size : 0
  const text = markdownSummary(run, Math.max(4000, summaryLimit - taken))
  appendFileSync(path, `${taken > 0 ? '\n' : ''}${text}\n`)
}
