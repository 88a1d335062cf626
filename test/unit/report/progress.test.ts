import { expect, test } from 'vitest'
import { progressText } from '../../../src/report/progress.ts'

test.each([
  [0, 0, 0, '[0/10] net/s'],
  [1, 0, 5000, '[1/10] net/s'],
  [5, 2, 5000, '[5/10] 2 failed · 5 s left · net/s'],
  [2, 0, 400_000, '[2/10] 27 min left · net/s'],
  [2, 0, 4_000_000, '[2/10] 4.4 h left · net/s'],
])('after %i cases', (done, failed, elapsed, text) =>
  expect(progressText({ done, failed, total: 10, next: 'net/s', elapsed })).toBe(text),
)
