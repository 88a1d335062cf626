import { DepthgateError, messageOf } from './errors.ts'

/** JSON.parse with errors that name the file; keys that stand twice in one object are refused, not overwritten. */
export function parseJson(text: string, file: string, code: string): unknown {
  let data: unknown
  try {
    // editors on Windows begin a file with a mark that JSON does not know
    data = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch (cause) {
    const conflict = /^(<{7}|={7}|>{7})/m.test(text) ? '. It holds merge-conflict marks: resolve them' : ''
    throw new DepthgateError(code, `${file}: is not JSON (${messageOf(cause)})${conflict}`, { cause })
  }
  const twice = repeatedKey(text)
  if (twice !== undefined)
    throw new DepthgateError(
      code,
      `${file}: has two entries named ${JSON.stringify(twice)} in one object. Remove one of them`,
    )
  return data
}

/** JSON.parse keeps the last of two equal keys in silence; after a bad merge that would hide an entry. */
function repeatedKey(validJson: string): string | undefined {
  const open: (Set<string> | null)[] = []
  for (const [token, key] of validJson.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    else if (key !== undefined) {
      const name = JSON.parse(key) as string
      const keys = open.at(-1)
      if (keys?.has(name)) return name
      keys?.add(name)
    }
  }
  return undefined
}

const beyondJson = new Map([NaN, Infinity, -Infinity].map(value => [String(value), value]))

/**
 * JSON where a number may be infinite or not a number: as the strings "Infinity", "-Infinity", "NaN". Characters that steer
 * a terminal, which JSON would let stand, are written as escapes: the data are the same.
 */
export function honestJson(value: unknown): string {
  return JSON.stringify(value, spelled, 2).replace(
    /[\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The same in one line, for a file and not for a terminal. */
export function honestLine(value: unknown): string {
  return JSON.stringify(value, spelled)
}

function spelled(_key: string, item: unknown): unknown {
  return typeof item === 'number' && !Number.isFinite(item) ? String(item) : item
}

/** Gives the numbers back that `honestJson` wrote as strings. No name that depthgate allows is one of those strings. */
export function withNumbers(value: unknown): unknown {
  if (typeof value === 'string') return beyondJson.get(value) ?? value
  if (Array.isArray(value)) return value.map(withNumbers)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withNumbers(item)]))
}
