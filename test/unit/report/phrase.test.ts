import { stripVTControlCharacters } from 'node:util'
import ndarray from 'ndarray'
import { expect, test } from 'vitest'
import { judge } from '../../../src/gate/judge.ts'
import type { OutputVerdict } from '../../../src/gate/verdict.ts'
import { verdictText } from '../../../src/report/phrase.ts'
import { lackText } from '../../../src/report/quality-text.ts'
import { usedText } from '../../../src/report/words.ts'

const map = (...values: number[]) => ndarray(Float32Array.from(values), [1, values.length])

function textOf(...actual: number[]): string {
  const golden = map(1, 2, 3, 4)
  const [output, tolerance] = ['depth', { rmse: 0.1, absRel: 1e-9 }]
  const verdict = judge({ output, kind: 'metric-depth', golden, actual: map(...actual), tolerance })
  const outputs: OutputVerdict[] = [verdict]
  return stripVTControlCharacters(
    verdictText({
      ...{ model: 'm', scene: 's', precision: 'fp32', pass: verdict.pass, reason: verdict.reason },
      ...{ outputs, notes: [] },
    }),
  )
}

test('an output of nothing but NaN is told in words, and as no pixel compared', () => {
  const text = textOf(...Array<number>(4).fill(Number.NaN))
  expect(text).toContain('the engine produced no finite pixel: all 4 are NaN')
  expect(text).toMatch(/✗ +rmse +NaN m +≤ 0\.1 m +no figure\n/)
  expect(text).toContain('no pixel compared: none of the 4 of the engine is finite')
  expect(text).not.toMatch(/NaN×|NaN %|finite pixels only/)
  expect(usedText(Number.NaN)).toBe('no figure')
})

test('of an output that is NaN in part it tells how many of how many, and what the figures are over', () => {
  const text = textOf(1, Number.NaN, 3, 4.5)
  expect(text).toContain('1 of 4 pixels that are not finite; the first, NaN, is at x 1, y 0')
  expect(text).toContain('figures over the finite pixels only')
  expect(text).toContain('4 of 4 pixels compared; not finite in the engine: 1')
})

test('what is a hair beyond its bound never reads as the bound itself', () => {
  expect(usedText(1.00011161)).toBe('1.0001×')
  expect(lackText({ kept: { delta1: 0.9813279818112469, absRel: 1.2 }, limit: 0.99 })).toBe(
    "keeps 0.9813 of PyTorch's quality, asked 0.99",
  )
  expect(lackText({ kept: { delta1: 0.98999, absRel: 1 }, limit: 0.99 })).toContain('keeps 0.98999 of')
})
