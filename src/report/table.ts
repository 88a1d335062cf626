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

/** Characters that take room on a terminal: colour codes do not. */
function visible(text: string): number {
  return [...stripVTControlCharacters(text)].length
}
