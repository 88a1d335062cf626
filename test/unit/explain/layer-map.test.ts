import { expect, test } from 'vitest'
import { layerTimes } from '../../../src/engines/tensorrt/profile.ts'
import { layerMap, nodeTimes } from '../../../src/explain/layer-map.ts'
import { servedPlaces } from '../../../src/explain/served.ts'
import type { GraphProto } from '../../../src/onnx/gen/onnx_pb.ts'
import { convert } from '../../../src/precision/convert.ts'
import { graphOf, modelOf, nodeOf } from '../../helpers/graph.ts'

const network = () => ({
  nodes: [
    nodeOf('Conv', ['x', 'w'], ['c'], {}, { name: '/stem/Conv' }),
    nodeOf('Relu', ['c'], ['r'], {}, { name: '/stem/act[0]/Relu' }),
    nodeOf('Sqrt', ['r'], ['s']),
    nodeOf('Add', ['s', 'r'], ['y'], {}, { name: '/head/Add' }),
  ],
  inputs: [{ name: 'x', shape: [1, 1, 4, 4] }],
  outputs: [{ name: 'y', shape: [1, 1, 4, 4] }],
  weights: { w: { dims: [1, 1, 1, 1], values: [1] } },
})
const full = () => graphOf(network())

/** The FP16 variant with one node in FP32, and one summed there. */
function variant(): GraphProto {
  const model = modelOf(17, network())
  convert(
    model,
    { format: 'fp16', arithmetic: 'native', keep: ['#2'], accumulate: { fp32: ['#0'] } },
    'test.onnx',
  )
  return model.graph!
}

/** As TensorRT 10's inspector writes it at detailed verbosity. */
const inspection = {
  Layers: [
    {
      ...{ Name: 'Reformatting CopyNode for Input Tensor 0 to /stem/Conv', LayerType: 'Reformat' },
      ...{
        Inputs: [{ Name: 'x/fp16/fp32' }],
        Outputs: [{ Name: 'Reformatted Input Tensor 0' }],
        Metadata: '',
      },
    },
    {
      ...{ Name: '/stem/Conv + /stem/act[0]/Relu', LayerType: 'CaskConvolution' },
      Metadata: '[ONNX Layer: /stem/Conv]\u001e[ONNX Layer: /stem/act[0]/Relu]',
    },
    {
      ...{ Name: '__myl_CastSqrtCastAdd_myl0_3', LayerType: 'kgen' },
      Metadata:
        '[ONNX Layer: depthgate-cast:r]\u001f[ONNX Layer: node_of_s]\u001e[ONNX Layer: depthgate-cast:s/fp16]\u001e[ONNX Layer: /head/Add]',
    },
    {
      ...{ Name: '__myl_Cas_myl92_0', LayerType: 'kgen', Metadata: '' },
      ...{ Inputs: [{ Name: 'r' }], Outputs: [{ Name: 's/fp16' }] },
    },
    { Name: 'dummy_shape_call_0', LayerType: 'shape_call', Inputs: [], Outputs: [], Metadata: '' },
  ],
  Bindings: ['x', 'y'],
}
const [copy, conv, fused, cast, call] = inspection.Layers.map(({ Name }) => Name)
const raw = {
  layers: [
    { name: copy!, milliseconds: 0.1 },
    { name: conv!, milliseconds: 0.5 },
    { name: fused!, milliseconds: 0.2 },
    { name: cast!, milliseconds: 0.1 },
    { name: call!, milliseconds: 0.1 },
  ],
  ...{ total: 1, runs: 3 },
}

test('nodes and layers find each other: by names, through Casts, through copies into another layout', () => {
  const map = layerMap('fp16', layerTimes(raw, inspection), servedPlaces(full(), variant()))
  expect(map.layers.map(({ nodes }) => nodes)).toEqual([['0'], ['0', '1'], ['1', '2', '3'], ['2'], []])
  expect(map.layersOf).toEqual({ 0: [0, 1], 1: [1, 2], 2: [2, 3], 3: [2] })
  expect(map.layers[1]).toMatchObject({ type: 'CaskConvolution', milliseconds: 0.5, share: 0.5 })
  expect(map.unmapped).toBeCloseTo(0.1)
})

test("a layer's time goes to its nodes by weight", () => {
  const map = layerMap('fp16', layerTimes(raw, inspection), servedPlaces(full(), variant()))
  const weights: Record<string, number> = { 0: 3, 1: 1, 2: 0, 3: 1 }
  const times = nodeTimes(map, place => weights[place]!)
  expect([...times].map(([place, time]) => [place, Number(time.toFixed(6))])).toEqual([
    ['0', 0.475],
    ['1', 0.225],
    ['2', 0.1],
    ['3', 0.1],
  ])
  const equal = nodeTimes(map, () => 0)
  expect(equal.get('2')).toBeCloseTo(0.1 + 0.2 / 3)
})

test('Q/DQ belongs to what reads the quantised tensor', () => {
  const quantised = graphOf({
    nodes: [
      nodeOf('QuantizeLinear', ['x', 'q'], ['x/int8']),
      nodeOf('DequantizeLinear', ['x/int8', 'q'], ['x/int8/fp32'], {}, { name: 'dq' }),
      nodeOf('Conv', ['x/int8/fp32', 'w'], ['c'], {}, { name: '/stem/Conv' }),
    ],
    inputs: [{ name: 'x' }],
    outputs: [{ name: 'c' }],
    weights: { w: { dims: [1], values: [1] }, q: { dims: [1], values: [1] } },
  })
  const places = servedPlaces(full(), quantised)
  expect(places.nodes.get('dq')).toEqual(['0'])
  expect(places.nodes.get('node_of_x/int8')).toEqual(['0'])
})
