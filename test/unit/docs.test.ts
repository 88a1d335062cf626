import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { precisions } from '../../src/engines/engine.ts'
import { engineSchema } from '../../src/engines/settings-schema.ts'
import { budgetSchema } from '../../src/gate/budget-schema.ts'
import { configSchema } from '../../src/gate/config-schema.ts'
import { toleranceFor } from '../../src/gate/tolerance.ts'
import { catalogue } from '../../src/metrics/index.ts'
import { repo } from '../helpers/files.ts'

const read = (file: string) => readFileSync(join(repo, file), 'utf8')
const rowsOf = (markdown: string) =>
  markdown
    .split('\n')
    .filter(line => line.startsWith('| '))
    .map(line =>
      line
        .slice(2, -2)
        .replaceAll('\\|', '/')
        .split(' | ')
        .map(cell => cell.trim()),
    )

describe('docs/metrics.md', () => {
  const rows = rowsOf(read('docs/metrics.md'))
  test('lists every metric with the formula of the code', () => {
    for (const [name, { formula }] of Object.entries(catalogue))
      expect(rows.find(([cell]) => cell === `\`${name}\``)?.[1]).toBe(formula.replaceAll('|', '/'))
  })
  test('lists the default limits of the code', () => {
    const [head] = rows.filter(row => row[0] === 'precision')
    for (const precision of precisions) {
      const cells = rows.find(row => row[0] === `\`${precision}\`` && row.length === head!.length)!
      const limits: Record<string, unknown> = {
        ...toleranceFor('metric-depth', precision),
        ...toleranceFor('fov', precision),
      }
      const told = Object.fromEntries(
        head!.slice(1).map((name, i) => [name.replaceAll('`', ''), cells[i + 1]]),
      )
      expect(told).toEqual(
        Object.fromEntries(Object.entries(limits).map(([name, limit]) => [name, String(limit)])),
      )
    }
  })
})

test('docs/config.md has every key of a model and of an output', () => {
  const text = read('docs/config.md')
  const model = configSchema.properties.models.additionalProperties.properties
  for (const key of Object.keys(model)) expect(text).toContain(`models.<name>.${key}`)
  for (const key of Object.keys(model.outputs.additionalProperties.properties))
    expect(text).toContain(`….${key}`)
  for (const key of Object.keys(budgetSchema.properties))
    expect(text).toMatch(new RegExp(`^\\| .*\`${key}\``, 'm'))
})

test('docs/engines.md and docs/tensorrt.md have every key of an engine', () => {
  const text = read('docs/engines.md') + read('docs/tensorrt.md')
  for (const { then } of engineSchema.allOf)
    for (const key of Object.keys(then.properties))
      expect(text).toMatch(new RegExp(`^\\|.*\`${key}\`.*\\|`, 'm'))
})

test.each([
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync(join(repo, 'docs'))
    .filter(name => name.endsWith('.md'))
    .map(name => `docs/${name}`),
])('%s links to what exists', file => {
  const links = [...read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)].map(([, target = '']) =>
    join(repo, dirname(file), target),
  )
  expect(links.filter(link => !existsSync(link))).toEqual([])
})
