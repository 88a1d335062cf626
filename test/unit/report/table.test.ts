import { expect, test } from 'vitest'
import { gateTable } from '../../../src/report/gate-text.ts'
import { table, visible } from '../../../src/report/table.ts'

test.each([
  ['kitchen', 7],
  ['küche', 5],
  ['ku\u0308che', 5],
  ['\u001b[31mred\u001b[39m', 3],
  ['厨房', 4],
  ['주방', 4],
  ['カー', 4],
  ['ｶｰ', 2],
  ['ａ', 2],
])('%j takes %i cells', (text, cells) => expect(visible(text)).toBe(cells))

test('columns line up whatever the script', () => {
  const left = ['left', 'right'] as const
  expect(
    table(
      [
        ['厨房', '1'],
        ['kitchen', '20'],
      ],
      left,
    ),
  ).toEqual(['厨房      1', 'kitchen  20'])
  const skipped = (scene: string) =>
    ({
      type: 'skipped',
      model: 'm',
      scene,
      precision: 'fp32',
      engine: 'cpu',
      reason: 'none',
    }) as const
  const cases = [skipped('kitchen'), skipped('厨房')]
  const { row } = gateTable(cases)
  const [plain, east] = cases.map(row).map(text => visible(text.slice(0, text.indexOf('fp32'))))
  expect(east).toBe(plain)
})
