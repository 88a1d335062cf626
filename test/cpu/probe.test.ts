import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { describe, expect, test } from 'vitest'
import { tensorShapes } from '../../src/engines/onnxruntime/shapes.ts'
import { nodeErrors } from '../../src/explain/node-errors.ts'
import { makeReduced } from '../../src/gate/make-variant.ts'
import { openGolden, readInput } from '../../src/golden/store.ts'
import { type ModelProto, TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { readModel } from '../../src/onnx/model.ts'
import { subgraph } from '../../src/onnx/subgraph.ts'
import { sumInFp16 } from '../../src/precision/accumulate.ts'
import { convert } from '../../src/precision/convert.ts'
import { probe } from '../../src/precision/probe.ts'
import { roundTo } from '../../src/precision/round.ts'
import { repo } from '../helpers/files.ts'
import { fetched, graphOf, modelOf, nodeOf } from '../helpers/graph.ts'

const network = (name: string) => join(repo, 'fixtures/networks', name, 'net.onnx')
const edge = (name: string) => join(repo, 'fixtures/edges', `${name}.onnx`)
const slopes = (name: string) =>
  readInput(openGolden(join(repo, 'fixtures/networks', name, 'golden')), 'slopes')

type Values = Record<string, ort.Tensor>

const image = (name: string): Values => {
  const { data, shape } = slopes(name)
  return { image: new ort.Tensor('float32', data as Float32Array, shape) }
}

test.each(['layernorm-overflow', 'attention-logits', 'benign', 'combination'])(
  '%s: the emulated part is the variant that the gate runs, to the bit; the rest is FP32',
  async name => {
    const { model, nodes } = probe(() => readModel(network(name)), { format: 'fp16' }, network(name))
    const last = nodes.at(-1)!.tensors[0]!
    expect(last.full).toBe('depth')
    const found = await fetched(model, image(name), [last.full, last.emulated])
    const variant = await makeReduced(network(name), 'fp16', 'emulated', {})
    expect(found[last.emulated]!.data).toEqual(
      (await fetched(variant.model, image(name), ['depth'])).depth!.data,
    )
    expect(found[last.full]!.data).toEqual(
      (await fetched(readModel(network(name)), image(name), ['depth'])).depth!.data,
    )
  },
)

test('products that the recipe sums in FP16 are, in the emulated part and alone', async () => {
  const file = network('long-sums')
  const { model, nodes, sums } = probe(() => readModel(file), { format: 'fp16', sumsLow: () => true }, file)
  const shapes = await tensorShapes(model, file)
  sumInFp16(
    model,
    name => shapes.get(name),
    node => sums.has(node),
  )
  const product = nodes.find(({ placed }) => placed.node.name === '/MatMul')!.tensors[0]!
  const found = await fetched(model, image('long-sums'), Object.values(product))
  const value = (name: string) => Number(found[name]!.data[0])
  expect(Math.abs(value(product.local) / value(product.full) - 1)).toBeLessThan(5e-4)
  expect(Math.abs(value(product.summed!) / value(product.full) - 1)).toBeGreaterThan(0.02)
  expect(value(product.emulated)).toBeCloseTo(value(product.summed!), 6)
})

describe('a node alone', () => {
  const cases = ['/norm/Div', '/norm/Pow', '/head/linear/MatMul', '/norm/Sub'].map(node => [node] as const)
  test.each(cases)('%s is what its own graph gives on rounded inputs, rounded', async name => {
    const file = network('benign')
    const { model, nodes } = probe(() => readModel(file), { format: 'fp16' }, file)
    const { placed, tensors } = nodes.find(node => node.placed.node.name === name)!
    const own = readModel(file)
    const weights = new Map(own.graph!.initializer.map(tensor => [tensor.name, tensor]))
    const inputs = [...new Set(placed.node.input)].filter(input => !weights.has(input))
    const [tensor] = tensors as [(typeof tensors)[0]]
    const found = await fetched(model, image('benign'), [...inputs, tensor.local])

    const rounded = (values: ort.Tensor) =>
      new ort.Tensor('float32', roundTo('fp16', values.data as Float32Array).values, values.dims)
    const part = subgraph(own, inputs, [tensor.full], file)
    for (const input of part.graph!.input)
      if (input.type?.value.case === 'tensorType')
        input.type.value.value.elemType = TensorProto_DataType.FLOAT
    for (const weight of part.graph!.initializer) {
      const before = weights.get(weight.name)!
      if (before.dataType !== TensorProto_DataType.FLOAT) continue
      const floats = new Float32Array(before.rawData.slice().buffer)
      weight.rawData = new Uint8Array(roundTo('fp16', floats).values.buffer)
    }
    const feeds = Object.fromEntries(inputs.map(input => [input, rounded(found[input]!)]))
    const alone = await fetched(part, feeds, [tensor.full])
    expect(found[tensor.local]!.data).toEqual(rounded(alone[tensor.full]!).data)
  })
})

/** Any values for whatever inputs a model declares. */
function feedsOf(model: ModelProto): Values {
  return Object.fromEntries(
    model.graph!.input.map(({ name, type }) => {
      const tensor = type!.value.value as {
        elemType: number
        shape?: { dim: { value: { value?: unknown } }[] }
      }
      const shape = (tensor.shape?.dim ?? []).map(({ value }) => Number(value.value ?? 1))
      const length = shape.reduce((a, b) => a * b, 1)
      return [
        name,
        tensor.elemType === TensorProto_DataType.BOOL
          ? new ort.Tensor('bool', Array(length).fill(true), shape)
          : new ort.Tensor(
              'float32',
              Float32Array.from({ length }, (_, i) => 1 + i / 7),
              shape,
            ),
      ]
    }),
  )
}

test.each([
  'if-captures-input',
  'loop-kept-inside',
  'scan-state',
  'order',
  'name-taken',
  'constant-value-float',
])('edge %s can be probed: bodies stay FP32 and read what the emulated network wrote', async name => {
  const read = () => readModel(edge(name))
  const feeds = feedsOf(read())
  const { model, nodes } = probe(read, { format: 'fp16' }, edge(name))
  const tensors = nodes.flatMap(node => node.tensors)
  expect(tensors.length).toBeGreaterThan(0)
  const found = await fetched(
    model,
    feeds,
    tensors.map(({ emulated }) => emulated),
  )
  const variant = await makeReduced(edge(name), 'fp16', 'emulated', {})
  const inVariant = ({ full }: (typeof tensors)[0]) => variant.converted.names.get(full)!
  const expected = await fetched(variant.model, feeds, tensors.map(inVariant))
  for (const tensor of tensors)
    expect(found[tensor.emulated]!.data).toEqual(expected[inVariant(tensor)]!.data)
})

test('a body that captures what the network computed reads the emulated value in the emulated part', async () => {
  const branch = (times: string) =>
    graphOf({ nodes: [nodeOf('Mul', ['h', times], [`y-${times}`])], outputs: [{ name: `y-${times}` }] })
  const read = () =>
    modelOf(17, {
      nodes: [
        nodeOf('Mul', ['x', 'tiny'], ['h']),
        nodeOf('If', ['condition'], ['y'], { then_branch: branch('large'), else_branch: branch('c') }),
        nodeOf('Mul', ['y', 'c'], ['z']),
      ],
      inputs: [
        { name: 'x', shape: [4] },
        { name: 'condition', shape: [], type: TensorProto_DataType.BOOL },
      ],
      outputs: [{ name: 'z', shape: [4] }],
      // fp16 makes sixty times as much of the first, which FP32 would not
      weights: {
        tiny: { dims: [], values: [1e-9] },
        large: { dims: [], values: [3e7] },
        c: { dims: [], values: [0.5] },
      },
    })
  const { model, nodes } = probe(read, { format: 'fp16' }, 'if.onnx')
  const { full, emulated } = nodes.at(-1)!.tensors[0]!
  const found = await fetched(model, feedsOf(read()), [full, emulated])
  const variant = read()
  convert(variant, { format: 'fp16', arithmetic: 'emulated' }, 'if.onnx')
  expect(found[emulated]!.data).toEqual((await fetched(variant, feedsOf(read()), ['z'])).z!.data)
  expect(found[emulated]!.data).not.toEqual(found[full]!.data)
})

test('errors name the node at which a layer norm overflows, and are the same in small batches', async () => {
  const scenes = [{ name: 'slopes', read: () => slopes('layernorm-overflow') }]
  const file = network('layernorm-overflow')
  const probed = () => probe(() => readModel(file), { format: 'fp16' }, file)
  const errors = await nodeErrors(probed(), scenes, file)
  const first = errors.find(({ accumulated }) => accumulated.overflowed > 0)!
  expect(first).toMatchObject({ operator: 'Pow', label: '/norm/Pow', module: 'norm' })
  expect(first.local.relative).toBe(Number.POSITIVE_INFINITY)
  expect(first.local.largest).toBeGreaterThan(65504)
  // every finite value of a tensor of the worst is in a bin, and above 2^16 is where fp16 ends
  const { full, local } = first.magnitudes!
  expect(full.counts.reduce((a, b) => a + b, full.zeros)).toBe(first.local.values)
  expect(local.counts.reduce((a, b) => a + b, local.zeros)).toBe(first.local.values - first.local.overflowed)
  expect(full.first + full.counts.length - 1).toBeGreaterThanOrEqual(16)
  expect(first.shape.reduce((a, b) => a * b)).toBe(first.local.values)
  // behind it the values are wrong, but each node alone is as good as fp16 is
  const behind = errors.find(({ label }) => label === '/norm/Div')!
  expect(behind.local.relative).toBeLessThan(1e-3)
  expect(behind.accumulated.relative).toBeGreaterThan(0.5)
  expect(await nodeErrors(probed(), scenes, file, { batchBytes: 1 << 14 })).toEqual(errors)
})
