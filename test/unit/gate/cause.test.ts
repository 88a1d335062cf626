import { describe, expect, test } from 'vitest'
import { canBeAttributed, decideCause, nodesHint } from '../../../src/gate/cause.ts'
import type { Corner, Verdict } from '../../../src/gate/verdict.ts'

const order = [
  { precision: 'fp32', fusion: 'off' },
  { precision: 'fp32', fusion: 'on' },
  { precision: 'fp16', fusion: 'off', sums: 'fp32' },
  { precision: 'fp16', fusion: 'off', sums: 'engine' },
  { precision: 'fp16', fusion: 'on', sums: 'engine' },
] as const

/** FP32 unfused, fused, FP16 summed in FP32, as the engine does, and fused; `-` was not run, as where the engine sums in FP32. */
const corners = (text: string): Corner[] =>
  order.flatMap((corner, i) =>
    text[i] === '-' ? [] : [{ ...corner, arithmetic: 'native', pass: text[i] === '1', error: 0, added: 0 }],
  )

describe('the corner at which the tolerance first breaks names the cause', () => {
  test.each([
    ['00000', 'export'],
    ['01111', 'export'],
    ['00---', 'export'],
    ['10111', 'fusion'],
    ['10---', 'fusion'],
    ['11000', 'number format'],
    ['11001', 'number format'],
    ['110-0', 'number format'],
    ['1-0--', 'number format'],
    ['11100', 'accumulation'],
    ['1-10-', 'accumulation'],
    ['10000', 'fusion and number format'],
    ['10100', 'fusion and accumulation'],
    ['11110', 'combination'],
    ['111-0', 'combination'],
    ['11111', 'unknown'],
  ] as const)('%s: %s', (text, cause) => expect(decideCause(corners(text)).cause).toBe(cause))
})

describe('int8 with the rest in fp16', () => {
  const steps = [
    { precision: 'fp32', fusion: 'off' },
    { precision: 'fp32', fusion: 'on' },
    { precision: 'int8', fusion: 'off', rest: 'fp32' },
    { precision: 'int8', fusion: 'off', rest: 'fp16', sums: 'fp32' },
    { precision: 'int8', fusion: 'off', rest: 'fp16', sums: 'engine' },
    { precision: 'int8', fusion: 'on', rest: 'fp16', sums: 'engine' },
  ] as const
  test.each([
    ['110000', 'number format', /int8 breaks it while its rest is FP32: it is what is quantised/],
    ['1101--', 'number format', /it is what is quantised/],
    [
      '111000',
      'number format',
      /int8 keeps .* while its rest is FP32; with the rest rounded to fp16 it breaks/,
    ],
    ['111100', 'accumulation', /rounding every tensor to fp16 keeps .* summed in fp16 they break it/],
    ['111110', 'combination', /FP32 with fusion and int8 without keep the tolerance/],
    ['101000', 'fusion and number format', /in FP32 already, and int8 does/],
    ['111111', 'unknown', /every corner keeps/],
  ] as const)('%s: %s', (text, cause, reason) => {
    const found = decideCause(
      steps.flatMap((step, i) =>
        text[i] === '-' ? [] : [{ ...step, arithmetic: 'native', pass: text[i] === '1', error: 0, added: 0 }],
      ),
    )
    expect(found.cause).toBe(cause)
    expect(found.reason).toMatch(reason)
  })
})

describe('a number format is followed to its nodes', () => {
  const where = { model: 'm', scene: 's' }
  const [full, half, quantized] = [
    { precision: 'fp32', fusion: 'off', arithmetic: 'native', pass: true, error: 0, added: 0 },
    { precision: 'fp16', fusion: 'off', arithmetic: 'native', pass: false, error: 0.1, added: 0.1 },
    { precision: 'int8', fusion: 'off', arithmetic: 'native', pass: true, error: 0, added: 0 },
  ] as const satisfies Corner[]
  const hint = (corners: Corner[], asked: Parameters<typeof nodesHint>[2] = where) =>
    nodesHint('number format', [full, ...corners], asked)

  test('with the commands that find them, on the engine where it is not the first', () => {
    expect(hint([half], { ...where, engine: 'trt' })).toBe(
      '. Which nodes it is: npx depthgate explain m --precision fp16 --scene s --engine trt; which to keep FP32: npx depthgate mend m --precision fp16 --engine trt',
    )
    expect(hint([{ ...half, error: NaN }])).toMatch(
      /^\. What comes out is not finite; where that begins: npx depthgate explain m --precision fp16 --scene s; .* mend m --precision fp16$/,
    )
  })

  test('of a quantised network, in the format that does it', () => {
    expect(hint([{ ...quantized, pass: false, rest: 'fp32' }])).toMatch(/explain m --precision int8 .* int8$/)
    const rounded: Corner = { ...quantized, pass: false, rest: 'fp16', error: NaN }
    expect(hint([{ ...quantized, rest: 'fp32' }, rounded])).toMatch(
      /explain m --precision fp16 .*mend m --precision int8$/,
    )
  })

  test('but not where those commands do not serve', () => {
    expect(nodesHint('accumulation', [full, half], where)).toBe('')
    expect(hint([{ ...half, precision: 'tf32' }])).toBe('')
    expect(hint([half, { ...half, given: true }])).toBe('')
  })
})

test('no cause is sought where nothing was compared, nor of a program that decides what it runs', () => {
  const of = (engine: string, ...types: string[]) =>
    canBeAttributed({ fingerprint: { engine }, outputs: types.map(type => ({ type })) } as unknown as Verdict)
  expect(of('onnxruntime', 'map', 'scalar')).toBe(true)
  expect(of('onnxruntime', 'map', 'incomparable')).toBe(false)
  expect(of('command', 'map')).toBe(false)
})
