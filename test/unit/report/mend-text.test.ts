import { stripVTControlCharacters } from 'node:util'
import { create } from '@bufbuild/protobuf'
import { expect, test } from 'vitest'
import { cheaperOf, type Mending, type Point } from '../../../src/explain/mend.ts'
import type { Unit } from '../../../src/explain/units.ts'
import { NodeProtoSchema } from '../../../src/onnx/gen/onnx_pb.ts'
import { bodiesText } from '../../../src/report/explain-text.ts'
import { mendText, tf32Hint } from '../../../src/report/mend-text.ts'

const point = (used: number, latency?: number): Point => ({
  ...{ nodes: 2, sums: 0, rest: 0, cost: 0.08, worst: { used, scene: 'slopes', limit: 'depth absRel' } },
  ...(latency !== undefined && { latency }),
})

const trials = (run: number) => ({ run, remembered: 0, limit: 160, spent: false })

function told(mended: Point, fp32: Point): string[] {
  const cheaper = cheaperOf(mended, fp32)
  const found: Mending = {
    ...{ type: 'mended', units: 5, inBodies: [], trials: trials(9), low: point(3.57, 0.011), chosen: [] },
    ...{ mended, fp32, ...(cheaper && { cheaper }) },
  }
  return mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters)
}

test.each([
  ['slower than FP32', 0.022, 'it takes 0.0120 ms, mended 0.0220 ms'],
  ['as slow as FP32', 0.012, 'it takes 0.0120 ms, mended 0.0120 ms'],
] as const)('a set that is %s: FP32 as a whole is the cheaper plan', (_what, latency, times) => {
  const lines = told(point(0.056, latency), point(3e-5, 0.012))
  expect(lines[1]).toContain(`FP32 as a whole is the cheaper plan: ${times}`)
  expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(80)
})

test('a set that comes from the frontier says so', () => {
  const [sought, mended] = [point(0.8, 0.65), point(0.4, 0.54)]
  const builds = { sets: 1, ends: 2, frontier: 2, fresh: 5, seconds: 60 }
  const sets = [{ why: 'first' as const, point: sought, expected: sought.worst }]
  const confirmation = { guide: 'emulation', cost: 'measured' as const, builds, sets, notes: [] }
  const lines = (of: Point) =>
    mendText('net', 'fp16', 0.1, {
      ...{ type: 'mended', units: 5, inBodies: [], trials: trials(9), low: point(3.57, 0.5), chosen: [] },
      ...{ mended: of, fp32: point(3e-5, 0.7), confirmation },
    }).map(stripVTControlCharacters)
  expect(lines(mended).at(-1)).toMatch(/^mended is a point of the frontier/)
  expect(lines(sought).join('\n')).not.toContain('point of the frontier')
  expect(Math.max(...lines(mended).map(line => line.length))).toBeLessThanOrEqual(80)
})

test('a search that ran out of trials says so', () => {
  const short = { ...trials(160), spent: true }
  const found: Mending = {
    ...{ type: 'mended', units: 5, inBodies: [], trials: short, low: point(3.57), chosen: [] },
    ...{ mended: point(0.05), fp32: point(3e-5) },
  }
  const lines = mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters)
  expect(lines).toContain('not all was tried in 160 trials: with more --trials it may cost less')
  expect(told(point(0.05), point(3e-5)).join('\n')).not.toContain('not all was tried')
})

test('where no set was left to build nothing is listed as the best', () => {
  const fp32 = point(3e-5)
  const found: Mending = {
    ...{ type: 'unconfirmed', units: 5, inBodies: [], trials: trials(9), low: point(3.57) },
    ...{ best: fp32, fp32, chosen: [] },
  }
  const text = mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters).join('\n')
  expect(text).toContain('no set of nodes was found')
  expect(text).toContain('all in FP32')
  expect(text).not.toMatch(/best/i)
})

test('nodes that move what a listed one writes are counted beside it, and a stroke is explained', () => {
  const placed = (id: string, opType: string) => ({ id, node: create(NodeProtoSchema, { name: id, opType }) })
  const nodes = [placed('3', 'Add'), placed('4', 'Relu'), placed('5', 'Reshape')]
  const unit = { head: nodes[0]!, nodes, operator: 'Add', label: 'Add', sums: false } as unknown as Unit
  const listed = (more: object) => {
    const chosen = [{ ...{ unit, level: 'full' as const, alone: 0.5, sharedBy: 1, cost: 0.1 }, ...more }]
    const found: Mending = {
      ...{ type: 'mended', units: 5, inBodies: [], trials: trials(1), low: point(3.57) },
      ...{ mended: { ...point(0.05), nodes: 3 }, fp32: point(3e-5), chosen },
    }
    return mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters)
  }
  expect(listed({})).toContain('and 2 nodes that move what these write')
  expect(listed({}).join('\n')).not.toContain('neighbours')
  expect(listed({ sharedBy: 3 })).toContain(
    '% / 3: of 3 neighbours together, that cost too little to tell apart',
  )
  expect(listed({ sharedBy: 3, uncut: true })).toContain(
    '% / 3: of 3 neighbours together; more --trials may tell them apart',
  )
  // of a product that is summed in FP32 nothing else changes
  expect(listed({ level: 'sum' }).join('\n')).not.toContain('that move')
})

test.each([
  ['quicker', 0.0119],
  ['not timed', undefined],
] as const)('of a set that is %s nothing is said', (_what, latency) => {
  expect(told(point(0.056, latency), point(3e-5, 0.012)).join('\n')).not.toContain('the cheaper plan')
})

test('sums in FP32 on TensorRT have a quicker way, where it is not taken yet', () => {
  const [none, some] = [point(0.5), { ...point(0.5), sums: 3 }]
  expect(tf32Hint({ engine: 'tensorrt' }, some).join(' ')).toContain('`allowTf32: true` of the engine')
  expect(tf32Hint({ engine: 'tensorrt' }, none)).toEqual([])
  expect(tf32Hint({ engine: 'tensorrt', allowTf32: true }, some)).toEqual([])
  expect(tf32Hint({ engine: 'onnxruntime' }, some)).toEqual([])
})

test('nodes that stay FP32 inside control flow are counted, on one line', () => {
  const inside = (label: string, count: number) => ({
    ...{ label, operator: 'Loop', nodes: Array.from({ length: count }, (_, i) => `3/body/${i}`) },
  })
  const line = (...held: ReturnType<typeof inside>[]) => bodiesText(held).join('\n')
  expect(line()).toBe('')
  expect(line(inside('/a', 1))).toBe('1 node stays FP32 inside Loop /a')
  expect(line(inside('/a', 1), inside('/b', 2))).toBe('3 nodes stay FP32 inside Loop /a, Loop /b')
  const many = Array.from({ length: 30 }, () => inside('/encoder/blocks.0/Loop', 30))
  expect(line(...many)).toBe(
    '900 nodes stay FP32 inside Loop …blocks.0/Loop, Loop …blocks.0/Loop and 28 more',
  )
  expect(line(...many).length).toBeLessThanOrEqual(80)
})

test('a search that found nothing in its trials says that more may', () => {
  const found: Mending = {
    ...{
      type: 'unconfirmed',
      units: 5,
      inBodies: [],
      trials: { ...trials(10), limit: 10, spent: true },
      low: point(3.57),
    },
    ...{ best: point(3e-5), fp32: point(3e-5), chosen: [] },
  }
  const said = mendText('net', 'fp16', 0.1, found).map(stripVTControlCharacters).join('\n')
  expect(said).toContain('no set of nodes was found\n')
  expect(said).toContain('with more --trials a set may be found')
  expect(said).not.toContain('guide')
})
