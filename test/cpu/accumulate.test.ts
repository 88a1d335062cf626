import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { expect, test } from 'vitest'
import { tensorShapes } from '../../src/engines/onnxruntime/shapes.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { sumInFp16 } from '../../src/precision/accumulate.ts'
import { roundTo } from '../../src/precision/round.ts'
import { temporaryFolder } from '../helpers/files.ts'
import { type Weights, writeNetwork } from '../helpers/network.ts'

const half = (value: number) => roundTo('fp16', Float32Array.of(value)).values[0]!

/** Runs a network of one operator before and after its products are summed in FP16. */
async function sums(
  size: [number, number],
  operator: Parameters<typeof writeNetwork>[2][number],
  weights: Weights,
  input: (index: number) => number,
) {
  const path = join(temporaryFolder(), 'n.onnx')
  writeNetwork(path, size, [operator], weights)
  const model = readModel(path)
  const shapes = await tensorShapes(model, path)
  const run = async () => {
    const session = await ort.InferenceSession.create(Buffer.concat(encodeModel(model)), {
      logSeverityLevel: 3,
    })
    const values = Float32Array.from({ length: size[0] * size[1] }, (_, i) => input(i))
    const { depth } = await session.run({ x: new ort.Tensor('float32', values, [1, 1, ...size]) })
    await session.release()
    return { dims: depth!.dims, values: [...(depth!.data as Float32Array)] }
  }
  const before = await run()
  const summed = sumInFp16(
    model,
    name => shapes.get(name),
    () => true,
  )
  return { before, after: await run(), summed }
}

const ramp = (...dims: number[]) => ({
  dims,
  values: Array.from({ length: dims.reduce((a, b) => a * b, 1) }, (_, i) => (i % 5) - 2),
})

test('a running sum stalls where FP16 has no finer step: 16 products at a time, as written out', async () => {
  const count = 4096
  const { before, after, summed } = await sums(
    [1, count],
    ['MatMul', ['x', 'w'], 'depth'],
    { w: { dims: [count, 1], values: Array(count).fill(1) } },
    () => 1.1,
  )
  let expected = 0
  for (let block = 0; block < count; block += 16) expected = half(expected + 16 * Math.fround(1.1))
  expect(summed).toBe(1)
  expect(before.values[0]).toBeCloseTo(4505.6, 0)
  expect(after.values[0]).toBe(expected)
  expect(Math.abs(expected - 4505.6)).toBeGreaterThan(10)
})

// whole numbers below 2048: no rounding, so taking the sum apart may change nothing
test.each<[string, [number, number], Parameters<typeof sums>[1], Weights]>([
  ['MatMul', [3, 40], ['MatMul', ['x', 'w'], 'depth'], { w: ramp(40, 3) }],
  [
    'Conv 3×3',
    [9, 11],
    ['Conv', ['x', 'w', 'b'], 'depth', { pads: [1, 1, 1, 1] }],
    { w: ramp(1, 1, 3, 3), b: ramp(1) },
  ],
  [
    'Conv with strides, dilations and uneven pads',
    [12, 13],
    ['Conv', ['x', 'w'], 'depth', { pads: [2, 0, 1, 3], strides: [2, 3], dilations: [2, 1] }],
    { w: ramp(2, 1, 3, 2) },
  ],
  ['Conv without pads', [6, 7], ['Conv', ['x', 'w'], 'depth', {}], { w: ramp(1, 1, 2, 2) }],
])('%s keeps its values where nothing is rounded', async (_name, size, operator, weights) => {
  const { before, after, summed } = await sums(size, operator, weights, i => (i % 7) - 3)
  expect(summed).toBe(1)
  expect(after).toEqual(before)
})

test('channels are summed in blocks of 16, by convolutions either way', async () => {
  const path = join(temporaryFolder(), 'n.onnx')
  writeNetwork(
    path,
    [5, 6],
    [
      ['Conv', ['x', 'up'], 'wide'],
      ['Conv', ['wide', 'w', 'b'], 'mixed', { pads: [1, 1, 1, 1] }],
      ['ConvTranspose', ['mixed', 't', 'tb'], 'depth', { strides: [2, 2] }],
    ],
    { up: ramp(40, 1, 1, 1), w: ramp(24, 40, 3, 3), b: ramp(24), t: ramp(24, 2, 2, 2), tb: ramp(2) },
  )
  const model = readModel(path)
  const shapes = await tensorShapes(model, path)
  const run = async () => {
    const session = await ort.InferenceSession.create(Buffer.concat(encodeModel(model)), {
      logSeverityLevel: 3,
    })
    const x = new ort.Tensor(
      'float32',
      Float32Array.from({ length: 30 }, (_, i) => (i % 3) - 1),
      [1, 1, 5, 6],
    )
    const { depth } = await session.run({ x })
    await session.release()
    return [...(depth!.data as Float32Array)]
  }
  const before = await run()
  expect(Math.max(...before.map(Math.abs))).toBeLessThan(2048)
  // the first sums one product only
  expect(
    sumInFp16(
      model,
      name => shapes.get(name),
      () => true,
    ),
  ).toBe(2)
  expect(await run()).toEqual(before)
})
