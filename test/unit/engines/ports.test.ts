import ndarray from 'ndarray'
import { expect, test } from 'vitest'
import { feedPort } from '../../../src/engines/ports.ts'

const fed = (...shape: (number | string)[]) =>
  feedPort(
    'm.onnx',
    [{ name: 'x', type: 'float32', shape }],
    ndarray(new Float32Array(3 * 24 * 32), [1, 3, 24, 32]),
    undefined,
  )

test.each([[[1, 24, 32, 3]], [[1, 'h', 'w', 3]], [['n', 48, 64, 3]]])(
  'an input of %j is told as NHWC, with the way out',
  shape => {
    expect(() => fed(...shape)).toThrow(
      /does not take the scene's tensor of 1×3×24×32\. Its layout is NHWC, and NCHW is fed: export it as NCHW, or .*Transpose/,
    )
  },
)

test('an input of another size is told as such', () => {
  expect(() => fed(1, 3, 48, 64)).toThrow(/Export at the size that the goldens were captured with/)
})
