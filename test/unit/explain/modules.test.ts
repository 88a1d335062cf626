import { expect, test } from 'vitest'
import { cutBetweenModules } from '../../../src/explain/modules.ts'

const units = [
  ...['patch', 'patch'],
  ...['blocks.0.norm', 'blocks.0.mlp', 'blocks.0.mlp', 'blocks.0'],
  ...['blocks.1.norm', 'blocks.1.mlp', 'blocks.1.mlp', 'blocks.1'],
].map(module => ({ module }))
const cut = cutBetweenModules(units)
const range = (from: number, end: number) => Array.from({ length: end - from }, (_, i) => from + i)

test.each([
  ['between two blocks, where that is near the middle', range(2, 10), 4],
  ['between two blocks rather than in the middle of one', range(0, 10), 6],
  ['at the outermost border that is not far off the middle', range(1, 5), 1],
  ['between parts of one block', range(2, 6), 1],
  ['in the middle of one module, and of two', range(3, 5), 1],
])('a group is cut %s', (_what, group, expected) => {
  expect(cut(group)).toEqual([group.slice(0, expected), group.slice(expected)])
})

test('without modules it is the middle; both halves always hold something', () => {
  const none = cutBetweenModules(range(0, 9).map(() => ({})))
  for (let length = 2; length < 9; length++) {
    const group = range(0, length)
    expect(none(group)[0]).toEqual(group.slice(0, length >> 1))
    for (const half of cut(group)) expect(half).not.toEqual([])
  }
})
