import { infer, scenes } from 'depthgate'
import { describe, expect, test } from 'vitest'

// what the README shows, on the bundled network: every scene, with the operators fused and not
describe.each(['on', 'off'] as const)('pocket, fusion %s', fusion => {
  test.each(scenes('pocket'))('%s', async scene => {
    const depth = await infer('pocket', { scene, precision: 'fp32', fusion })
    expect(depth).toMatchGolden()
  })
})
