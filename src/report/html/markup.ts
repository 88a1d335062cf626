import { markup } from '../escape.ts'

/** HTML that is safe to put into a page. Only `html` makes it. */
class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type { Html }

/** What may stand in a template; nothing is shown for `undefined` and `false`. */
type Content = Html | string | number | undefined | false | readonly Content[]

/**
 * A template of HTML. Every value is escaped, unless it is HTML itself: a name that holds markup is shown, not obeyed.
 * Attributes must be quoted.
 */
export function html(parts: TemplateStringsArray, ...values: Content[]): Html {
  return new Html(parts.reduce((text, part, i) => text + write(values[i - 1]) + part))
}

function write(content: Content): string {
  if (content === undefined || content === false) return ''
  if (content instanceof Html) return content.text
  return Array.isArray(content) ? content.map(write).join('') : markup(String(content))
}

/** The text of a file of depthgate's own, or of JSON that `scriptJson` made, as it is. */
export function trusted(text: string): Html {
  return new Html(text)
}

/** JSON inside a script element, in printable ASCII: no `<` can end the element, and nothing steers a reader's editor. */
export function scriptJson(value: unknown): Html {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return new Html(JSON.stringify(value).replace(/[<\u007f-\uffff]/g, escaped))
}
