/** "1 node", "2 nodes": a count with its noun, and what follows where that changes too. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`
}
