import { existsSync, readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { sha256, writeWhole } from '../../base/files.ts'
import { toName } from '../../base/names.ts'
import type { Panels } from '../case-pictures.ts'

/** Pictures of one page: small ones inside it, each once however many cases show it; those of full size beside it. */
export interface PictureStore {
  /** Takes a picture into the page; returns its key. */
  add(bytes: Uint8Array, type: string): string
  /** Writes pictures of full size into the page's folder; returns their paths relative to the page. */
  beside(name: string, panels: Panels): { golden: string; engine: string; error: string }
  /** Key → data URI. */
  readonly inside: Readonly<Record<string, string>>
}

const written = /-[0-9a-f]{8}\.png$/

/** The store of the page at `path`; its folder is `<name>-pictures`. Pictures that an older page left there are removed. */
export function pictureStore(path: string): PictureStore {
  const folder = `${basename(path).replace(/\.html?$/, '')}-pictures`
  const place = join(dirname(path), folder)
  if (existsSync(place))
    for (const file of readdirSync(place)) if (written.test(file)) rmSync(join(place, file))
  const inside: Record<string, string> = {}
  return { inside, add, beside }

  function add(bytes: Uint8Array, type: string): string {
    const key = `p${sha256(bytes).slice(0, 12)}`
    inside[key] ??= `data:${type};base64,${Buffer.from(bytes).toString('base64')}`
    return key
  }

  function beside(name: string, panels: Panels): { golden: string; engine: string; error: string } {
    const write = (part: keyof Panels) => {
      const bytes = panels[part]
      const file = `${toName(name).slice(0, 120)}-${part}-${sha256(bytes).slice(0, 8)}.png`
      if (!existsSync(join(place, file))) writeWhole(join(place, file), bytes)
      return `${folder}/${file}`
    }
    return { golden: write('golden'), engine: write('engine'), error: write('error') }
  }
}
