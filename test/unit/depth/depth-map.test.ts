import ndarray from 'ndarray'
import { expect, test } from 'vitest'
import { asDepthMap } from '../../../src/depth/depth-map.ts'

test.each([
  [[1, 2, 24, 32], /got 1×2×24×32\. It has 2 channels: give the one that is depth alone/],
  [[2, 1, 24, 32], /It is a batch: pick one map of it/],
  [[2, 24, 32], /It is a batch: pick one map of it/],
  [[1, 24, 32, 1], /It has its channels last: give one map H×W/],
  [[24, 32, 2], /It has its channels last/],
  [[768], /Reshape it to height × width/],
])('an array of %j is no map, and its axes are told for what they are', (shape, message) => {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1))
  expect(() => asDepthMap(ndarray(values, shape), 'm')).toThrow(message)
})
