import { join } from 'node:path'
import { clone, create } from '@bufbuild/protobuf'
import { describe, expect, test } from 'vitest'
import { openGolden, readInput } from '../../src/golden/store.ts'
import {
  FunctionProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  OperatorSetIdProtoSchema,
  TensorProto_DataType,
} from '../../src/onnx/gen/onnx_pb.ts'
import { readModel } from '../../src/onnx/model.ts'
import { newestRaised, raiseOpset } from '../../src/onnx/opset.ts'
import { repo } from '../helpers/files.ts'
import { graphOf, modelOf, nodeOf, noise, runModel, type Weight } from '../helpers/graph.ts'

/** A model and the same one raised give the same bits. */
async function sameBits(model: ModelProto, feeds: Record<string, Float32Array>, to: number): Promise<void> {
  const before = await runModel(model, feeds)
  const raised = clone(ModelProtoSchema, model)
  raiseOpset(raised, to, 'm.onnx')
  const after = await runModel(raised, feeds)
  for (const { data } of Object.values(before)) expect(data.length).toBeGreaterThan(0)
  expect(after).toEqual(before)
}

const x = noise(4 * 9 * 10)
const shape = [1, 4, 9, 10]
type Attributes = Parameters<typeof nodeOf>[3]

describe('a raised operator gives the same bits in ONNX Runtime:', () => {
  const cases: [
    string,
    number,
    Attributes,
    { inputs?: string[]; weights?: Record<string, Weight>; outputs?: number },
  ][] = [
    ...['L1', 'L2', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'SumSquare'].flatMap((name): typeof cases => [
      [`Reduce${name}`, 17, { axes: [1, -1], keepdims: 0 }, {}],
      [`Reduce${name}`, 13, {}, {}],
    ]),
    ['ReduceLogSum', 17, { axes: [2] }, { inputs: ['positive'] }],
    ['Split', 17, { axis: 1 }, { outputs: 2 }],
    [
      'Split',
      17,
      { axis: 1 },
      {
        inputs: ['x', 'lengths'],
        weights: { lengths: { dims: [2], values: [1, 3], type: TensorProto_DataType.INT64 } },
        outputs: 2,
      },
    ],
    ...['bilinear', 'bicubic', 'nearest'].map((mode): (typeof cases)[number] => [
      'GridSample',
      16,
      { mode, align_corners: 0 },
      { inputs: ['x', 'grid'], weights: { grid: { dims: [1, 5, 6, 2], values: [...noise(60, 3)] } } },
    ]),
    [
      'GridSample',
      16,
      {},
      { inputs: ['x', 'grid'], weights: { grid: { dims: [1, 5, 6, 2], values: [...noise(60, 3)] } } },
    ],
    ['DFT', 17, {}, { inputs: ['complex'] }],
    ['DFT', 17, { axis: 2, onesided: 1 }, { inputs: ['complex'] }],
    [
      'RoiAlign',
      13,
      { output_height: 3, output_width: 3, sampling_ratio: 2 },
      {
        inputs: ['x', 'rois', 'batch'],
        weights: {
          rois: { dims: [1, 4], values: [1.2, 0.7, 7.4, 6.1] },
          batch: { dims: [1], values: [0], type: TensorProto_DataType.INT64 },
        },
      },
    ],
    ['MaxPool', 13, { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 }, {}],
    ['LpPool', 13, { kernel_shape: [3, 3] }, {}],
    [
      'BatchNormalization',
      13,
      {},
      {
        inputs: ['x', 's', 's', 's', 'v'],
        weights: { s: { dims: [4], values: [1, -2, 3, 0.5] }, v: { dims: [4], values: [1, 2, 3, 4] } },
      },
    ],
    ...['half_pixel', 'align_corners', 'asymmetric', 'pytorch_half_pixel', 'tf_crop_and_resize'].flatMap(
      mode =>
        ['linear', 'nearest', 'cubic'].map((kind): (typeof cases)[number] => [
          'Resize',
          13,
          { mode: kind, coordinate_transformation_mode: mode },
          {
            inputs: ['x', 'roi', 'scales'],
            weights: {
              roi: { dims: [8], values: [0, 0, 0.1, 0.2, 1, 1, 0.9, 0.8] },
              scales: { dims: [4], values: [1, 1, 1.7, 0.6] },
            },
          },
        ]),
    ),
  ]
  test.each(cases)('%s of opset %d %j', async (operator, opset, attributes, more) => {
    const outputs = Array.from({ length: more.outputs ?? 1 }, (_, i) => `y${i}`)
    const model = modelOf(opset, {
      nodes: [
        nodeOf('Mul', ['x', 'x'], ['positive']),
        nodeOf('Unsqueeze', ['x', 'last'], ['complex']),
        nodeOf(operator, more.inputs ?? ['x'], outputs, attributes),
      ],
      inputs: [{ name: 'x', shape }],
      outputs: outputs.map(name => ({ name })),
      weights: { last: { dims: [1], values: [-1], type: TensorProto_DataType.INT64 }, ...more.weights },
    })
    // RoiAlign has no kernel for opset 22 in this version of ONNX Runtime
    await sameBits(model, { x }, operator === 'RoiAlign' ? 21 : newestRaised)
  })

  test.each([
    { strides: [2, 2], pads: [1, 1, 1, 1], ceil_mode: 1 },
    { pads: [1, 1, 1, 1], count_include_pad: 1 },
  ])('but for AveragePool %j, whose kernel since opset 19 adds in another order', async attributes => {
    const model = modelOf(13, {
      nodes: [nodeOf('AveragePool', ['x'], ['y'], { kernel_shape: [3, 3], ...attributes })],
      inputs: [{ name: 'x', shape }],
      outputs: [{ name: 'y' }],
    })
    const before = await runModel(model, { x })
    raiseOpset(model, newestRaised, 'm.onnx')
    const after = await runModel(model, { x })
    expect(after.y!.dims).toEqual(before.y!.dims)
    for (let i = 0; i < after.y!.data.length; i++)
      expect(after.y!.data[i]).toBeCloseTo(Number(before.y!.data[i]), 6)
  })

  test('inside an If and a function', async () => {
    const branch = (operator: string) =>
      graphOf({ nodes: [nodeOf(operator, ['x'], ['r'], { axes: [1] })], outputs: [{ name: 'r' }] })
    const model = modelOf(17, {
      nodes: [
        nodeOf('ReduceSum', ['x'], ['sum'], { keepdims: 0 }),
        nodeOf('Greater', ['sum', 'zero'], ['c']),
        nodeOf('If', ['c'], ['y'], { then_branch: branch('ReduceMax'), else_branch: branch('ReduceMin') }),
        nodeOf('halve', ['x'], ['z'], {}, { domain: 'own' }),
      ],
      inputs: [{ name: 'x', shape }],
      outputs: [{ name: 'y' }, { name: 'z' }],
      weights: { zero: { dims: [], values: [0] } },
    })
    model.irVersion = 8n
    model.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'own', version: 1n }))
    model.functions = [
      create(FunctionProtoSchema, {
        name: 'halve',
        domain: 'own',
        input: ['a'],
        output: ['b'],
        node: [nodeOf('Split', ['a'], ['b', 'rest'], { axis: 3 })],
        opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })],
      }),
    ]
    await sameBits(model, { x }, newestRaised)
  })

  test('the whole pocket network', async () => {
    const golden = openGolden(join(repo, 'golden/pocket'))
    const image = readInput(golden, 'kitchen').data as Float32Array
    await sameBits(readModel(join(repo, 'models/pocket/pocket.onnx')), { image }, newestRaised)
  })
})
