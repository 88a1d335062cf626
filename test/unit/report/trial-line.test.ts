import { expect, test } from 'vitest'
import { tensorsText } from '../../../src/report/trial-line.ts'

test.each([
  [1e9, 20e9, 61, 'tensors: 1 of 20 GB, 19 minutes left'],
  [19.86e9, 20e9, 600, 'tensors: 20 of 20 GB, 5 seconds left'],
  [2e6, 2e6, 0.1, 'tensors: 0.002 of 0.002 GB, 0 seconds left'],
])('%s of %s bytes after %s seconds: %s', (done, all, seconds, text) => {
  expect(tensorsText({ done, all }, seconds)).toBe(text)
})
