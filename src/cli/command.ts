import { type ParseArgsConfig, parseArgs } from 'node:util'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { checkedTolerance } from '../gate/check-tolerance.ts'
import type { Tolerance } from '../gate/tolerance.ts'

/** One verb of the command line. */
export interface Command {
  summary: string
  help: string
  /** Returns the exit code: 0 pass, 1 a comparison failed, 2 nothing could be compared. */
  run(args: string[]): Promise<number>
}

type Options = NonNullable<ParseArgsConfig['options']>

type Parsed<T extends Options> = ReturnType<
  typeof parseArgs<{ args: string[]; options: T; allowPositionals: true; strict: true }>
>

/** util.parseArgs with errors that point to the verb's help. */
export function parse<const T extends Options>(verb: string, args: string[], options: T): Parsed<T> {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true, strict: true })
    const { scene } = parsed.values as { scene?: unknown }
    // as goldens name scenes, though some systems keep letters and their marks apart
    return Array.isArray(scene)
      ? { ...parsed, values: { ...parsed.values, scene: scene.map(name => String(name).normalize('NFC')) } }
      : parsed
  } catch (thrown) {
    const [, unknown] = /^Unknown option '([^']+)'/.exec(messageOf(thrown)) ?? []
    const told =
      unknown === undefined
        ? messageOf(thrown)
        : `the option ${JSON.stringify(unknown)} is unknown${didYouMean(unknown, optionNames(options))}`
    throw new DepthgateError('usage', `${told}\nSee: depthgate ${verb} --help`)
  }
}

/** As a person types them. */
function optionNames(options: Options): string[] {
  return Object.entries(options).flatMap(([name, { short }]) => [
    `--${name}`,
    ...(short ? [`-${short}`] : []),
  ])
}

/** A regular expression given on the command line, or an error that names the flag. */
export function patternOf(flag: string, text: string): RegExp {
  try {
    return new RegExp(text)
  } catch (cause) {
    throw new DepthgateError('usage', `${flag} ${text}: is no regular expression (${messageOf(cause)})`)
  }
}

/** A number given on the command line, or an error that names the flag. */
export function numberOf(flag: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(value)) return value
  throw new DepthgateError('usage', `${flag} ${text}: is not a number`)
}

/** `['absRel=0.02', 'rmse=1%', 'edgeF1Drop=off']` as a tolerance; unknown names are refused. `flag` is where they were given. */
export function toleranceOf(pairs: readonly string[], flag = '--tolerance'): Tolerance {
  const tolerance: Record<string, unknown> = {}
  for (const pair of pairs.flatMap(text => text.split(','))) {
    const [, name, limit] = /^([^=]+)=(.+)$/.exec(pair) ?? []
    if (name === undefined || limit === undefined)
      throw new DepthgateError('usage', `${flag} ${pair}: write NAME=LIMIT, such as absRel=0.02`)
    tolerance[name] =
      limit === 'off' ? false : limit.endsWith('%') ? limit : numberOf(`${flag} ${name}`, limit)
  }
  return checkedTolerance(tolerance, flag)
}

/** A whole number given on the command line, or an error that names the flag. */
export function countOf(flag: string, text: string, least = 1): number {
  const count = numberOf(flag, text)
  if (Number.isInteger(count) && count >= least) return count
  throw new DepthgateError('usage', `${flag} ${text}: give a whole number from ${least}`)
}

/** Throws where a verb that takes no names was given one. */
export function noPositionals(verb: string, positionals: readonly string[], instead: string): void {
  if (positionals.length > 0)
    throw new DepthgateError(
      'usage',
      `depthgate ${verb} takes no ${JSON.stringify(positionals[0])}. ${instead}`,
    )
}
