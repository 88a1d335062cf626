import type { Explanation } from '../explain/explain.ts'
export function explainHtml(found: Explanation): string {
  return JSON.stringify(found)
}
