import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { create, toBinary } from '@bufbuild/protobuf'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { batchesOf, type TapInput, type TapOptions, tap } from '../../src/engines/onnxruntime/tap.ts'
import { openGolden, readInput } from '../../src/golden/store.ts'
import {
  type ModelProto,
  ModelProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../../src/onnx/gen/onnx_pb.ts'
import { readModel } from '../../src/onnx/model.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'
import { modelOf, nodeOf, noise } from '../helpers/graph.ts'

async function tapped(
  model: ModelProto,
  tensors: string[],
  inputs: TapInput[],
  options?: TapOptions,
  file = 'm.onnx',
): Promise<Map<string, { shape: number[]; values: number[] }>> {
  const found = new Map<string, { shape: number[]; values: number[] }>()
  await tap(
    model,
    tensors,
    inputs,
    (tensor, input, { shape, data }) => {
      expect(found.has(`${tensor} of ${input}`)).toBe(false)
      found.set(`${tensor} of ${input}`, { shape: [...shape], values: [...data] })
    },
    file,
    options,
  )
  return found
}
const input = (name: string, shape: number[], seed = 1): TapInput => ({
  name,
  read: () =>
    ndarray(
      noise(
        shape.reduce((a, b) => a * b),
        seed,
      ),
      shape,
    ),
})

const chain = (shape: (number | string)[]) =>
  modelOf(18, {
    nodes: [
      nodeOf('Neg', ['x'], ['n']),
      nodeOf('Shape', ['n'], ['s']),
      nodeOf('Cast', ['n'], ['h'], { to: TensorProto_DataType.FLOAT16 }),
      nodeOf('Cast', ['n'], ['b'], { to: TensorProto_DataType.BFLOAT16 }),
      nodeOf('Cast', ['b'], ['y'], { to: TensorProto_DataType.FLOAT }),
    ],
    inputs: [{ name: 'x', shape }],
    outputs: [{ name: 'y' }],
  })

describe('tapping', () => {
  test('hands over what tensors hold, input and output of the network among them, float16 as floats', async () => {
    const found = await tapped(
      chain([2, 3]),
      ['x', 'n', 'h', 'y'],
      [input('a', [2, 3]), input('b', [2, 3], 2)],
    )
    expect([...found.keys()].sort()).toEqual(
      ['x', 'n', 'h', 'y'].flatMap(name => [`${name} of a`, `${name} of b`]).sort(),
    )
    const x = [...noise(6, 2)]
    expect(found.get('x of b')).toEqual({ shape: [2, 3], values: x })
    expect(found.get('n of b')!.values).toEqual(x.map(value => -value))
    for (const [i, value] of found.get('h of b')!.values.entries()) expect(value).toBeCloseTo(-x[i]!, 3)
  })

  test('leaves the model as it was', async () => {
    const model = chain([2, 3])
    const before = toBinary(ModelProtoSchema, model)
    await tapped(model, ['n'], [input('a', [2, 3])])
    expect(toBinary(ModelProtoSchema, model)).toEqual(before)
  })

  test('gives the same whatever the size of a batch', async () => {
    const golden = openGolden(join(repo, 'golden/pocket'))
    const model = readModel(join(repo, 'models/pocket/pocket.onnx'))
    const convolved = model
      .graph!.node.filter(({ opType }) => opType === 'Conv')
      .flatMap(({ output }) => output)
    const scenes = [{ name: 'kitchen', read: () => readInput(golden, 'kitchen') }]
    const whole = await tapped(model, convolved, scenes)
    expect(whole.size).toBe(convolved.length)
    expect(await tapped(model, convolved, scenes, { batchBytes: 2 ** 20 })).toEqual(whole)
  })

  test('goes on from what a batch before computed, also where ONNX Runtime does not hand it over', async () => {
    const model = modelOf(18, {
      nodes: [
        nodeOf('Neg', ['x'], ['n']),
        nodeOf('Cast', ['n'], ['b'], { to: TensorProto_DataType.BFLOAT16 }),
        nodeOf('Cast', ['b'], ['first'], { to: TensorProto_DataType.FLOAT }),
        nodeOf('Shape', ['first'], ['s']),
        nodeOf('Cast', ['b'], ['again'], { to: TensorProto_DataType.FLOAT }),
        nodeOf('Add', ['again', 'n'], ['sum']),
        nodeOf('Reshape', ['sum', 's'], ['y']),
      ],
      inputs: [{ name: 'x', shape: [2, 3] }],
      outputs: [{ name: 'y' }],
    })
    const tensors = ['first', 'again', 'y', 'n']
    const inputs = [input('a', [2, 3]), input('b', [2, 3], 2)]
    const whole = await tapped(model, tensors, inputs)
    expect(whole.size).toBe(8)
    const batches: number[] = []
    // so little that inputs go through one after another
    const onBatch = ({ done, all }: { done: number; all: number }) => batches.push(done / all)
    expect(await tapped(model, tensors, inputs, { batchBytes: 1, onBatch })).toEqual(whole)
    expect(batches).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map(part => part / 8))
  })

  test('takes inputs of different sizes where the network does', async () => {
    const found = await tapped(chain(['n', 3]), ['n'], [input('a', [2, 3]), input('b', [5, 3])], {
      batchBytes: 100,
    })
    expect(found.get('n of b')!.shape).toEqual([5, 3])
  })

  test('finds weights in external data beside the file', async () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'w.bin'), new Uint8Array(noise(6, 5).buffer))
    const model = modelOf(18, {
      nodes: [nodeOf('Add', ['x', 'w'], ['t']), nodeOf('Neg', ['t'], ['y'])],
      inputs: [{ name: 'x', shape: [2, 3] }],
      outputs: [{ name: 'y' }],
    })
    const location = create(StringStringEntryProtoSchema, { key: 'location', value: 'w.bin' })
    model.graph!.initializer = [
      create(TensorProtoSchema, {
        name: 'w',
        dims: [2n, 3n],
        dataType: TensorProto_DataType.FLOAT,
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: [location],
      }),
    ]
    const found = await tapped(model, ['t'], [input('a', [2, 3])], {}, join(folder, 'm.onnx'))
    const w = noise(6, 5)
    expect(found.get('t of a')!.values).toEqual([...noise(6)].map((value, i) => Math.fround(value + w[i]!)))
  })

  test.each<[string, string, RegExp]>([
    ['a name that no node writes', 'nn', /m\.onnx: the tensor "nn" cannot be tapped: .* did you mean "n"\?/],
    ['integers', 's', /the tensor "s" cannot be tapped: it is int64/],
    ['a type that ONNX Runtime does not hand over', 'b', /the tensor "b" cannot be tapped: it is bfloat16/],
  ])('refuses %s', async (_what, tensor, message) => {
    await expect(tapped(chain([2, 3]), [tensor], [input('a', [2, 3])])).rejects.toThrow(message)
  })

  test('refuses a type that is not known: it may be one that ends the process', async () => {
    const model = chain([2, 3])
    model.graph!.node.push(nodeOf('Odd', ['n'], ['o'], {}, { domain: 'own' }))
    await expect(tapped(model, ['o'], [input('a', [2, 3])])).rejects.toThrow(/it is of unknown type/)
  })

  test('names the input on which the network fails, and a model that cannot be loaded', async () => {
    await expect(tapped(chain([2, 3]), ['n'], [input('a', [2, 4])])).rejects.toThrow(
      /m\.onnx: input x \(float32 2×3\) does not take the scene's tensor of 2×4\. Export at the size/,
    )
    const square = chain(['n', 3])
    square.graph!.node.push(nodeOf('MatMul', ['n', 'n'], ['m']))
    await expect(tapped(square, ['m'], [input('a', [3, 3]), input('b', [2, 3])])).rejects.toThrow(
      /m\.onnx: batch 1 of 1: ONNX Runtime failed on b \(2×3\)/,
    )
    const broken = chain([2, 3])
    broken.graph!.node.push(nodeOf('Nonsense', ['n'], ['o']))
    await expect(tapped(broken, ['n'], [input('a', [2, 3])])).rejects.toThrow(
      /m\.onnx: ONNX Runtime cannot load it/,
    )
  })
})

test('batches keep the order and the budget; what is larger than it stands alone', () => {
  const sizes = [3, 3, 5, 20, 1, 9, 1].map((bytes, i) => ({ name: String(i), bytes }))
  expect(batchesOf(sizes, 10)).toEqual([['0', '1'], ['2'], ['3'], ['4', '5'], ['6']])
  expect(batchesOf([], 10)).toEqual([])
})
