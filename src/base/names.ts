import { closestMatch } from 'leven'
import { DepthgateError } from './errors.ts'

/** One safe path segment, as the text of a regular expression; the schemas use it too. */
export const segment = '[a-z0-9_-][a-z0-9._-]*'
const wholeSegment = new RegExp(`^${segment}$`)
/** Names that every JavaScript object answers to. */
const inherited = new Set(['__proto__', 'constructor', 'prototype'])

/** Whether `name` is one safe path segment: `[a-z0-9._-]`, no leading dot, so that it can never leave its folder. */
export function isName(name: string): boolean {
  return wholeSegment.test(name) && !inherited.has(name)
}

/** Lower-case letters of any script with their marks, digits; the rest as in `segment`. */
const letters = '\\p{Ll}\\p{Lo}\\p{Lm}\\p{Nd}'
/** As `segment`, with letters of any script: for names that people give to pictures. Needs the flag `u`. */
export const letterSegment = `[${letters}_-][${letters}\\p{M}._-]*`
const wholeLetterSegment = new RegExp(`^${letterSegment}$`, 'u')
const invisible = /\p{Default_Ignorable_Code_Point}+/gu

/**
 * Whether `name` is one safe path segment of letters of any script. Only Unicode's composed form (NFC) is: one that looks the
 * same would be another file on some systems, and the same on others.
 */
export function isLetterName(name: string): boolean {
  return (
    wholeLetterSegment.test(name) &&
    !inherited.has(name) &&
    name === name.normalize('NFC') &&
    name.search(invisible) === -1
  )
}

/** As `toName`, but letters of any script stay, in Unicode's composed form (NFC). */
export function toLetterName(text: string): string {
  return text
    .replace(invisible, '')
    .toLowerCase()
    .normalize('NFC')
    .replace(new RegExp(`[^${letters}\\p{M}._-]+`, 'gu'), '-')
    .replace(/^[.\p{M}-]+|-+$/gu, '')
}

/** Throws unless `name` is a safe path segment. `what` is how the error calls it. */
export function checkName(what: string, name: string): string {
  if (isName(name)) return name
  throw new DepthgateError(
    'name',
    `${what} ${JSON.stringify(name)}: names are made of a-z 0-9 . _ - and do not begin with a dot`,
  )
}

/** A name out of any file name: lower case, other characters become a dash. */
export function toName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[.-]+|-+$/g, '')
}

/** The known name that a mistyped one is near to, if any is. */
export function nearName(name: string, known: readonly string[]): string | undefined {
  return closestMatch(name, [...known], { maxDistance: Math.max(2, Math.floor(name.length / 3)) })
}

/** "; did you mean …?" for a mistyped name, or what there is; ends the sentence. */
export function didYouMean(name: string, known: readonly string[]): string {
  if (known.length === 0) return '; there are none.'
  const near = nearName(name, known)
  return near ? `; did you mean ${JSON.stringify(near)}?` : `; there are: ${known.join(', ')}.`
}

/** As `didYouMean`, and what there is besides: for names of which a network has few. */
export function thereAre(name: string, known: readonly string[]): string {
  const told = didYouMean(name, known)
  return told.endsWith('?') ? `${told} There are: ${known.join(', ')}.` : told
}
