import { stripVTControlCharacters } from 'node:util'

/** Columns lined up by their visible width; numbers stand to the right. A row is plain text cells. */
export function table(rows: readonly (readonly string[])[], align: readonly ('left' | 'right')[]): string[] {
  const widths = align.map((_, column) => Math.max(0, ...rows.map(row => visible(row[column] ?? ''))))
  return rows.map(row =>
    row
      .map((cell, column) => {
        const space = ' '.repeat(Math.max(0, widths[column]! - visible(cell)))
        return align[column] === 'right' ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd(),
  )
}

/** The extensions hold what scripts share, such as ー; halves of kana and hangul take one cell, full Latin letters two. */
const wide = /(?![\uff61-\uffdc])[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\uff01-\uff60]/u

/** Cells of a terminal that a text takes: none for colour codes and marks on letters, two for a letter of East Asia. */
export function visible(text: string): number {
  const shown = stripVTControlCharacters(text).replace(/\p{M}/gu, '')
  return [...shown].reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0)
}
