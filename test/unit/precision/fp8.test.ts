import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { roundToEven, toE4M3 } from '../../../src/precision/fp8.ts'
import { repo } from '../../helpers/files.ts'

describe('float8 E4M3FN', () => {
  test('has the bits that ml_dtypes gives, at every number, between neighbours and beyond the ends', () => {
    const table: [number, number][] = JSON.parse(readFileSync(join(repo, 'test/reference/e4m3.json'), 'utf8'))
    expect(table.length).toBeGreaterThan(1000)
    expect(table.map(([value]) => [value, toE4M3(value)])).toEqual(table)
  })
  test('keeps NaN and the sign of zero, and has no infinity', () => {
    expect(toE4M3(Number.NaN) & 0x7f).toBe(0x7f)
    expect([0, -0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY].map(toE4M3)).toEqual([
      0, 0x80, 0x7e, 0xfe,
    ])
  })
})

test('ties go to the even number', () => {
  expect([0.5, 1.5, 2.5, -1.5, -2.5, 2.4999, 126.5].map(roundToEven)).toEqual([0, 2, 2, -2, -2, 2, 126])
})
