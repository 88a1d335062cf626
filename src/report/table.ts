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

const wide = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u

/** Cells of a terminal that a text takes: none for colour codes and marks on letters, two for a letter of East Asia. */
export function visible(text: string): number {
  const shown = stripVTControlCharacters(text).replace(/\p{M}/gu, '')
  return [...shown].reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0)
}
