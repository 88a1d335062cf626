import { expect, test } from 'vitest'
import { smiName } from '../../../src/engines/gpu.ts'

test('a GPU keeps its name where CUDA is shown only some', () => {
  expect(smiName(1, undefined)).toBe('1')
  expect(smiName(0, '3')).toBe('3')
  expect(smiName(1, '2, GPU-5f1c')).toBe('GPU-5f1c')
})
