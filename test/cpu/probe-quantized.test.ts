import ort from 'onnxruntime-node'
import { afterAll, expect, test } from 'vitest'
import { releaseEngines } from '../../src/engines/pool.ts'
import { explain } from '../../src/explain/explain.ts'
import { mend } from '../../src/explain/mend.ts'
import { planOf } from '../../src/explain/plan-of.ts'
import { variantsOf } from '../../src/explain/variants.ts'
import { calibratedRanges, quantized } from '../../src/gate/calibrate.ts'
import { readInput } from '../../src/golden/store.ts'
import { readModel } from '../../src/onnx/model.ts'
import { probeQuantized } from '../../src/precision/probe-quantized.ts'
import { fetched } from '../helpers/graph.ts'
import { trapQuestion } from '../helpers/models.ts'

afterAll(releaseEngines)

test.each(['int8', 'fp8'] as const)(
  '%s: the network as a whole is the variant that the gate runs; a node behind FP32 is the same alone',
  async precision => {
    const { model, onnx } = trapQuestion('benign')
    const { data, shape } = readInput(model.golden, 'slopes')
    const image = new ort.Tensor('float32', data as Float32Array, shape)
    const ranges = await calibratedRanges(model, precision, {})
    const { model: joined, nodes } = probeQuantized(
      () => readModel(onnx),
      { format: precision },
      ranges,
      onnx,
    )
    const tensors = nodes.flatMap(node => node.tensors)
    const found = await fetched(
      joined,
      { image },
      tensors.flatMap(tensor => Object.values(tensor)),
    )
    const variant = await quantized(model, precision)
    const expected = await fetched(
      variant.model,
      { image },
      tensors.map(({ full }) => full),
    )
    for (const { full, emulated } of tensors) expect(found[emulated]!.data).toEqual(expected[full]!.data)
    const first = tensors[0]!
    expect(found[first.local]!.data).toEqual(found[first.emulated]!.data)
    expect(found[first.local]!.data).not.toEqual(found[first.full]!.data)
    // behind another quantised node what arrives differs
    const last = tensors.at(-1)!
    expect(found[last.local]!.data).not.toEqual(found[last.emulated]!.data)
  },
)

test('mend leaves products out of int8 until the limits are kept, and says which matter', async () => {
  const question = { ...trapQuestion('benign'), precision: 'int8', tolerance: { absRel: 5e-4 } } as const
  const variants = variantsOf(question, { calibration: { method: 'min-max' } })
  const found = await mend(question, variants, { margin: 0.1 })
  if (found.type !== 'mended') throw new Error(found.type)
  expect(found.low.worst.used).toBeGreaterThan(1)
  expect(found.mended.worst.used).toBeLessThanOrEqual(0.9)
  expect(found.mended.nodes).toBeLessThan(found.units)
  const plan = planOf(question, variants, found, 0.1)
  expect(plan).toMatchObject({ precision: 'int8', recipe: { calibration: { method: 'min-max' } } })
  const told = await explain(question, variants)
  // what is kept is what costs most
  expect(plan.nodes.map(({ place }) => place)).toContain(told.units[0]!.nodes[0])
})
