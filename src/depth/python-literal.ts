/** A value of a Python literal. Tuples and lists are kept apart: a shape must be a tuple. */
export type Literal =
  | { kind: 'string'; value: string }
  | { kind: 'number'; value: number; text: string }
  | { kind: 'word'; value: 'True' | 'False' | 'None' }
  | { kind: 'tuple' | 'list'; items: Literal[] }
  | { kind: 'dict'; entries: [key: string, value: Literal][] }

const token =
  /\s*(?:('[^'\\]*'|"[^"\\]*")|([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?!\w)|(True|False|None)\b|([()[\]{},:]))/y

const closing: Record<string, string> = { '(': ')', '[': ']', '{': '}' }

/**
 * Reads the part of Python's literals that array headers are made of: strings without escapes, numbers, True, False,
 * None, tuples, lists and dicts with string keys. Nothing is evaluated. Throws a plain Error that says what stands
 * where; entries of a dict are kept in order, repeated keys too, for the caller to judge.
 */
export function parseLiteral(text: string): Literal {
  let at = 0
  let depth = 0

  const fail = (expected: string): never => {
    const rest = text.slice(at).trim()
    throw new Error(
      `expected ${expected} but found ${rest === '' ? 'the end' : JSON.stringify(rest.slice(0, 20))}`,
    )
  }
  const next = () => {
    token.lastIndex = at
    const match = token.exec(text)
    if (match) at = token.lastIndex
    return match
  }
  /** Goes past `sign` if it comes next. */
  const skip = (sign: string) => {
    const before = at
    if (next()?.[4] === sign) return true
    at = before
    return false
  }

  const sequence = <T>(close: string, item: () => T): { items: T[]; commas: number } => {
    // headers nest a few levels; thousands of brackets would exhaust the stack
    if (++depth > 16) throw new Error('brackets are nested too deep')
    const items: T[] = []
    let commas = 0
    while (!skip(close)) {
      if (items.length > commas) fail(`"," or "${close}"`)
      items.push(item())
      if (skip(',')) commas++
    }
    depth--
    return { items, commas }
  }

  const value = (): Literal => {
    const before = at
    const [, string, number, word, sign] = next() ?? []
    if (string !== undefined) return { kind: 'string', value: string.slice(1, -1) }
    if (number !== undefined) return { kind: 'number', value: Number(number), text: number }
    if (word !== undefined) return { kind: 'word', value: word as 'True' | 'False' | 'None' }
    if (sign === '{') return { kind: 'dict', entries: sequence('}', entry).items }
    if (sign === '(' || sign === '[') {
      const { items, commas } = sequence(closing[sign]!, value)
      // (3) is 3 in brackets; (3,) is a tuple
      if (sign === '(' && items.length === 1 && commas === 0) return items[0]!
      return { kind: sign === '(' ? 'tuple' : 'list', items }
    }
    at = before
    return fail('a value')
  }

  const entry = (): [string, Literal] => {
    const before = at
    const key = next()?.[1]
    if (key === undefined) {
      at = before
      return fail('a quoted key')
    }
    if (!skip(':')) fail('":"')
    return [key.slice(1, -1), value()]
  }

  const result = value()
  if (text.slice(at).trim() !== '') fail('the end')
  return result
}
