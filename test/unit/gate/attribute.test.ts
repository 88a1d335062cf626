import { describe, expect, test } from 'vitest'
import { decideCause } from '../../../src/gate/attribute.ts'
import type { Corner } from '../../../src/gate/verdict.ts'

/** Corners in their order: FP32 unfused, FP32 fused, FP16 unfused, FP16 fused; `-` is one that was not run. */
const corners = (text: string): Corner[] =>
  [...text].flatMap((mark, i) =>
    mark === '-'
      ? []
      : [
          {
            precision: i < 2 ? 'fp32' : 'fp16',
            fusion: i % 2 === 0 ? 'off' : 'on',
            arithmetic: i < 2 ? 'native' : 'emulated',
            pass: mark === '1',
            error: 0,
            added: 0,
          } as const,
        ],
  )

describe('the corner at which the tolerance first breaks names the cause', () => {
  test.each([
    ['0000', 'export'],
    ['0111', 'export'],
    ['00--', 'export'],
    ['1010', 'fusion'],
    ['10--', 'fusion'],
    ['1100', 'number format'],
    ['1101', 'number format'],
    ['1-0-', 'number format'],
    ['1000', 'fusion and number format'],
    ['1110', 'combination'],
    ['1111', 'unknown'],
  ] as const)('%s: %s', (text, cause) => expect(decideCause(corners(text)).cause).toBe(cause))
})
