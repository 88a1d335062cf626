import { infer, scenes } from 'depthgate'
import { describe, expect, test } from 'vitest'

// what the README shows, on the bundled network: every scene at every precision, each with its own limits
describe.each([
  { precision: 'fp32', fusion: 'on' },
  { precision: 'fp32', fusion: 'off' },
  { precision: 'fp16', fusion: 'on' },
  { precision: 'bf16', fusion: 'on' },
  { precision: 'int8', fusion: 'on' },
] as const)('pocket at $precision, fusion $fusion', ({ precision, fusion }) => {
  test.each(scenes('pocket'))('%s', async scene => {
    const depth = await infer('pocket', { scene, precision, fusion })
    expect(depth).toMatchGolden()
  })
})
