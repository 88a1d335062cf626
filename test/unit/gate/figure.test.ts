import { expect, test } from 'vitest'
import { apart, farFromOne, figure, times } from '../../../src/gate/figure.ts'

test('a figure has four digits', () => {
  expect([0.1234567, 1234.567, 1.234567e-5, 0].map(figure)).toEqual(['0.1235', '1234.6', '1.23e-5', '0'])
})

test.each<[number, number, string, string]>([
  [0.010001116140931049, 0.01, '0.010001', '0.01'],
  [0.98999, 0.99, '0.98999', '0.99'],
  [0.31, 0.13, '0.31', '0.13'],
  [1.0000001e-5, 1e-5, '1.0000001e-5', '1.0000000e-5'],
  [0.5, 0.5, '0.5', '0.5'],
])('%d beside %d has as many digits as tell them apart', (value, limit, ...texts) => {
  expect(apart(value, limit)).toEqual(texts)
})

test('a share that is not 1 does not read as 1', () => {
  expect([1.00011161, 2.4444444, 1].map(times)).toEqual(['1.0001×', '2.444×', '1×'])
})

test('a factor reads as further from 1 than its limit', () => {
  expect(farFromOne(1.00100004, 0.001)).toBe('1.00100004')
  expect(farFromOne(0.9989996, 0.001)).toBe('0.9989996')
  expect(farFromOne(1.004, 0.001)).toBe('1.004')
})
