import { expect, test } from 'vitest'
import { plural } from '../../../src/base/plural.ts'

test('one is told as one', () => {
  expect([0, 1, 2].map(count => plural(count, 'node'))).toEqual(['0 nodes', '1 node', '2 nodes'])
  expect([1, 2].map(count => plural(count, 'product is', 'products are'))).toEqual([
    '1 product is',
    '2 products are',
  ])
})
