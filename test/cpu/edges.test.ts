import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ort from 'onnxruntime-node'
import { afterAll, describe, expect, test } from 'vitest'
import { DepthgateError } from '../../src/base/errors.ts'
import { halfToFloat } from '../../src/depth/half.ts'
import { TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { sortedNodes } from '../../src/onnx/graph.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { type Conversion, type Converted, convert } from '../../src/precision/convert.ts'
import { checkerFaults, checkerPython } from '../helpers/checker.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'

type Expected =
  | { expected: 'converts'; tolerance: number; clamped?: number; flushed?: number }
  | { expected: 'refused'; says: string }
interface Edge {
  inputs: Record<string, { type: string; shape: number[]; values?: unknown[] }>
  keep?: { operators: string[] }
  fp16: Expected
  bf16: Expected
  weights?: Record<string, Partial<Record<'fp16' | 'bf16', (number | string)[]>>>
}

const folder = join(repo, 'fixtures/edges')
const edges: Record<string, Edge> = JSON.parse(readFileSync(join(folder, 'edges.json'), 'utf8'))
const made = temporaryFolder()
const converted: string[] = []

/** What the rule of fixtures/edges/README.md gives for an input. */
function feed({ type, shape, values }: Edge['inputs'][string]): ort.Tensor {
  const count = shape.reduce((a, b) => a * b, 1)
  const numbers = values ?? Array.from({ length: count }, (_, i) => (((7 * i + 3) % 17) - 8) / 4)
  switch (type) {
    case 'float32':
      return new ort.Tensor('float32', Float32Array.from(numbers as number[]), shape)
    case 'int64':
      return new ort.Tensor(
        'int64',
        BigInt64Array.from((numbers as number[]).map(value => BigInt(Math.trunc(value)))),
        shape,
      )
    case 'bool':
      return new ort.Tensor('bool', numbers.map(Boolean), shape)
    case 'string':
      return new ort.Tensor('string', numbers.map(String), shape)
    case 'int32':
      return new ort.Tensor('int32', Int32Array.from(numbers as number[]), shape)
    default:
      throw new Error(`no rule for an input of ${type}`)
  }
}

async function run(file: string, { inputs }: Edge) {
  const session = await ort.InferenceSession.create(file, {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  })
  const ports = [...session.inputMetadata, ...session.outputMetadata].map(port =>
    port.isTensor ? [port.name, port.type, port.shape.length] : [port.name],
  )
  const outputs = await session.run(
    Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, feed(input)])),
  )
  await session.release()
  return { ports, outputs }
}

/** The largest difference of float outputs, in units of the larger of 1 and the output's largest value. */
function distance(before: ort.InferenceSession.OnnxValueMapType, after: typeof before): number {
  let far = 0
  for (const [name, value] of Object.entries(before)) {
    const [a, b] = [value as ort.Tensor, after[name] as ort.Tensor]
    if (a.type !== 'float32') {
      expect([...(b.data as unknown as ArrayLike<unknown> as unknown[])]).toEqual([
        ...(a.data as unknown as unknown[]),
      ])
      continue
    }
    const [x, y] = [a.data as Float32Array, b.data as Float32Array]
    const finite = [...x].filter(Number.isFinite).map(Math.abs)
    const unit = Math.max(1, ...finite)
    for (let i = 0; i < x.length; i++) {
      if (Object.is(x[i], y[i])) continue
      if (!Number.isFinite(x[i]) || !Number.isFinite(y[i])) {
        expect(y[i], `${name}[${i}]`).toBe(x[i])
      }
      far = Math.max(far, Math.abs(x[i]! - y[i]!) / unit)
    }
  }
  return far
}

function convertEdge(name: string, conversion: Conversion): { file: string; result: Converted } {
  const source = join(folder, `${name}.onnx`)
  const model = readModel(source)
  const result = convert(model, { ...conversion, keep: edges[name]!.keep?.operators ?? [] }, source)
  // sorted already: sorting again moves nothing
  expect(sortedNodes(model.graph!, source)).toEqual(model.graph!.node)
  const bytes = Buffer.concat(encodeModel(model))
  const again = readModel(source)
  convert(again, { ...conversion, keep: edges[name]!.keep?.operators ?? [] }, source)
  expect(Buffer.concat(encodeModel(again)).equals(bytes), 'made twice, the bytes are the same').toBe(true)
  const file = join(made, `${name}.${conversion.format}.${conversion.arithmetic}.onnx`)
  writeFileSync(file, bytes)
  return { file, result }
}

describe.each(['fp16', 'bf16'] as const)('%s', format => {
  for (const [name, edge] of Object.entries(edges)) {
    const rule = edge[format]
    if (rule.expected === 'refused')
      test.each(['native', 'emulated'] as const)(`${name} is refused, %s`, arithmetic => {
        const attempt = () => convertEdge(name, { format, arithmetic })
        expect(attempt).toThrow(DepthgateError)
        expect(attempt).toThrow(new RegExp(`${name}\\.onnx: .*${rule.says}`))
      })
    else
      test.each(['native', 'emulated'] as const)(`${name} converts, %s`, async arithmetic => {
        const { file, result } = convertEdge(name, { format, arithmetic })
        if (arithmetic === 'native') converted.push(file)
        for (const count of ['clamped', 'flushed'] as const)
          if (rule[count] !== undefined)
            expect(result.weights.reduce((sum, weight) => sum + weight[count], 0)).toBe(rule[count])
        for (const [tensor, values] of Object.entries(edge.weights ?? {}))
          if (arithmetic === 'native' && values[format])
            checkWeight(file, `${tensor}/${format}`, values[format])
        const before = await run(join(folder, `${name}.onnx`), edge)
        if (format === 'bf16' && arithmetic === 'native') {
          // without kernels, but not before its types were found to be right
          await expect(run(file, edge)).rejects.toThrow(/Could not find an implementation/)
          return
        }
        const after = await run(file, edge)
        expect(after.ports).toEqual(before.ports)
        // what was clamped differs as it must, and is counted above
        if (!rule.clamped) expect(distance(before.outputs, after.outputs)).toBeLessThanOrEqual(rule.tolerance)
      })
  }
})

function checkWeight(file: string, name: string, expected: readonly (number | string)[]): void {
  const tensor = readModel(file).graph!.initializer.find(weight => weight.name === name)!
  const bits = new Uint16Array(tensor.rawData.slice().buffer)
  const values =
    tensor.dataType === TensorProto_DataType.FLOAT16
      ? halfToFloat(bits)
      : new Float32Array(Uint32Array.from(bits, word => word << 16).buffer)
  expect(
    [...values].map(value => (Object.is(value, -0) ? '-0' : Number.isFinite(value) ? value : String(value))),
  ).toEqual(expected)
}

afterAll(async () => {
  if (checkerPython) expect(await checkerFaults(converted)).toEqual({})
})
