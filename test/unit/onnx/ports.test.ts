import { join } from 'node:path'
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { GraphProtoSchema, ModelProtoSchema, TensorProtoSchema } from '../../../src/onnx/gen/onnx_pb.ts'
import { readModel } from '../../../src/onnx/model.ts'
import { portsOf, takesShape } from '../../../src/onnx/ports.ts'
import { portOf } from '../../../src/onnx/subgraph.ts'
import { repo } from '../../helpers/files.ts'

test('what a model declares that it takes and gives', () => {
  expect(portsOf(readModel(join(repo, 'fixtures/tiny/tiny.onnx')))).toEqual({
    inputs: [{ name: 'image', shape: [1, 3, 24, 32] }],
    outputs: [
      { name: 'inverse_depth', shape: [1, 1, 24, 32] },
      { name: 'fov_deg', shape: [1] },
    ],
  })
})

test('free axes are symbols, and weights among the inputs are none', () => {
  const graph = create(GraphProtoSchema, {
    input: [portOf('x', 1, ['n', 3, -1, '']), portOf('w', 1, [3]), portOf('y')],
    initializer: [create(TensorProtoSchema, { name: 'w' })],
  })
  expect(portsOf(create(ModelProtoSchema, { graph })).inputs).toEqual([
    { name: 'x', shape: ['n', 3, '?', '?'] },
    { name: 'y', shape: undefined },
  ])
})

test.each<[(number | string)[], boolean]>([
  [[1, 3, 24, 32], true],
  [['n', 3, 'h', 'w'], true],
  [[1, 3, 24, 33], false],
  [['n', 'c', 'h'], false],
])('%j takes 1×3×24×32: %j', (wanted, takes) => expect(takesShape(wanted, [1, 3, 24, 32])).toBe(takes))
