import { plain } from '../base/plain.ts'

/**
 * Names of models, scenes and engines, and messages that quote them, come from files that anybody may have written.
 * Whatever prints them goes through here.
 */

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const colour = /(\u001b\[[\d;]*m)/

/** Text for a terminal: its colours stay, nothing else in it can move the cursor, name a window or hide what follows. */
export function terminal(text: string): string {
  return text
    .split(colour)
    .map((part, i) => (i % 2 === 0 ? plain(part) : part))
    .join('')
}

/** One line of plain text. */
export function oneLine(text: string): string {
  return plain(text)
    .replace(/\s*\n\s*/g, ' ')
    .replaceAll('\t', ' ')
    .trim()
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for the content or a quoted attribute of HTML or XML. Half of a surrogate pair is no character of either. */
export function markup(text: string): string {
  return plain(text)
    .replace(
      /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|[\ufffe\uffff]/g,
      '\ufffd',
    )
    .replace(/[&<>"']/g, character => entities[character]!)
}

/** An attribute of XML: newlines and tabs would be read as spaces. */
export function xmlAttribute(text: string): string {
  return markup(text).replaceAll('\n', '&#10;').replaceAll('\t', '&#9;')
}

/** One line of GitHub's Markdown, also inside a table cell. An entity shows the sign and never acts. */
export function markdown(text: string): string {
  return oneLine(text).replace(/[\\`*_{}[\]()<>#+!|~&@:$"']/g, character => `&#${character.charCodeAt(0)};`)
}

/** A block of text in Markdown, as it is: the fence is longer than any in the text. */
export function markdownBlock(text: string): string {
  const clean = plain(text)
  const longest = Math.max(2, ...[...clean.matchAll(/`+/g)].map(([run]) => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${clean}\n${fence}`
}

/** The message of a GitHub workflow command. */
export function commandData(text: string): string {
  return plain(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
}

/** A property of a GitHub workflow command, such as `title`. */
export function commandProperty(text: string): string {
  return commandData(oneLine(text)).replaceAll(':', '%3A').replaceAll(',', '%2C')
}
