import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DepthgateError, messageOf } from '../base/errors.ts'
import { makeFolder } from '../base/files.ts'
import { honestLine, withNumbers } from '../base/json.ts'
import type { Trial } from './evaluator.ts'

/**
 * Remembers trials in a file, a line each, appended as soon as it is known. A search that asks for the same trials in the
 * same order goes on where it was killed, and loses at most the trial that was running.
 */
export class Ledger<Entry = Trial> {
  readonly #file: string
  readonly #known = new Map<string, Entry>()

  constructor(file: string) {
    this.#file = file
    if (!existsSync(file)) return
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const entry = parsed<Entry>(line)
      if (entry) this.#known.set(entry.key, entry.trial)
    }
  }

  get size(): number {
    return this.#known.size
  }

  get(key: string): Entry | undefined {
    return this.#known.get(key)
  }

  set(key: string, trial: Entry): void {
    this.#known.set(key, trial)
    try {
      makeFolder(dirname(this.#file))
      // begins with a new line: what a killed run left half-written stays a line of its own
      appendFileSync(this.#file, `\n${honestLine({ key, trial })}`)
    } catch (cause) {
      throw new DepthgateError(
        'write',
        `${this.#file}: cannot be written (${messageOf(cause)}). What was tried is kept there: make room or check permissions; the same command goes on from there`,
        { cause },
      )
    }
  }
}

/** A line that is not whole is no entry. */
function parsed<Entry>(line: string): { key: string; trial: Entry } | undefined {
  try {
    return line === '' ? undefined : (withNumbers(JSON.parse(line)) as { key: string; trial: Entry })
  } catch {
    return undefined
  }
}
