import { DepthgateError } from './errors.ts'
import { didYouMean } from './names.ts'

/** Throws where `options` is none, or has a key that nothing reads: a mistyped option would otherwise be ignored in silence. */
export function checkKeys(options: object, known: readonly string[], where: string): void {
  if (typeof options !== 'object' || options === null)
    throw new DepthgateError(
      'options',
      `${where}: options are an object of ${known.join(', ')}, not ${JSON.stringify(options)}`,
    )
  for (const key of Object.keys(options))
    if (!known.includes(key))
      throw new DepthgateError(
        'options',
        `${where}: the option ${JSON.stringify(key)} is unknown${didYouMean(key, known)}`,
      )
}

/** Throws where a value is given that is none of `known`. */
export function checkChoice(value: string | undefined, known: readonly string[], where: string): void {
  if (value !== undefined && !known.includes(value))
    throw new DepthgateError(
      'options',
      `${where}: ${JSON.stringify(value)} is unknown${didYouMean(String(value), known)}`,
    )
}

/** Throws where a number is given that is none from `least` on. */
export function checkNumber(value: number | undefined, least: number, where: string): void {
  if (value !== undefined && !(Number.isFinite(value) && value >= least))
    throw new DepthgateError('options', `${where}: ${value} is no number from ${least} on`)
}

/** The names that a flag wants of those that there are; all without one. Throws where a wanted one is none of them. */
export function chosenNames(
  known: readonly string[],
  wanted: readonly string[] | undefined,
  flag: string,
  code: string,
): readonly string[] {
  for (const name of wanted ?? [])
    if (!known.includes(name))
      throw new DepthgateError(code, `${flag} ${name}: matches nothing${didYouMean(name, known)}`)
  return wanted ?? known
}
